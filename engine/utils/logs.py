"""The log of the window's process, in memory and in a rotating file; and log files followed as they grow."""

from __future__ import annotations

import codecs
import logging
import sys
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path

LINES_KEPT = 5000


FILE_NAME = "window.log"


FILE_BYTES = 1_000_000


FILES_KEPT = 3


FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class ProgramLog:
    """Takes what is logged from its making to :meth:`close`; warnings go to the terminal as well."""

    def __init__(self) -> None:
        self._ring = _Ring()
        self._handlers: list[logging.Handler] = [self._ring]
        self._file: logging.Handler | None = None
        if sys.stderr is not None:  # there is none in a windowed program
            terminal = logging.StreamHandler()
            terminal.setLevel(logging.WARNING)
            self._handlers.append(terminal)
        root = logging.getLogger()
        self._level_before = root.level
        root.setLevel(logging.INFO)
        for handler in self._handlers:
            self._begin(handler)

    def write_to(self, folder: Path) -> None:
        """Write to ``folder`` from now on; where that can't be written, memory has to do."""
        self._end_file()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = RotatingFileHandler(
                folder / FILE_NAME,
                maxBytes=FILE_BYTES,
                backupCount=FILES_KEPT,
                encoding="utf-8",
                errors="backslashreplace",
            )
        except OSError as error:
            logging.getLogger(__name__).warning("No log file in %s: %s", folder, error)
            return
        self._begin(self._file)

    def reader(self) -> LogReader:
        """Reads from the oldest line kept on."""
        return LogReader(self._ring)

    def close(self) -> None:
        """Leave logging as it was."""
        self._end_file()
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(self._level_before)

    @staticmethod
    def _begin(handler: logging.Handler) -> None:
        handler.setFormatter(logging.Formatter(FORMAT))
        logging.getLogger().addHandler(handler)

    def _end_file(self) -> None:
        if self._file is not None:
            logging.getLogger().removeHandler(self._file)
            self._file.close()
            self._file = None


class _Ring(logging.Handler):
    """Keeps the newest lines; logging's own lock guards them."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._count = 0  # ever logged

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self._lines.append(self.format(record))
        self._count += 1

    def since(self, count: int) -> tuple[list[str], int]:
        """The lines kept of those after the first ``count``, and how many there have been."""
        self.acquire()
        try:
            new = min(self._count - count, len(self._lines))
            return list(self._lines)[len(self._lines) - new :], self._count
        finally:
            self.release()


class LogReader:
    """Reads the log of this process, each line once."""

    def __init__(self, ring: _Ring) -> None:
        self._ring = ring
        self._count = 0

    def read_new(self) -> str:
        """What has been logged since the last call, whole lines."""
        lines, self._count = self._ring.since(self._count)
        return "".join(f"{line}\n" for line in lines)


# As much as anybody reads; a file of any size costs no more than this.
MOST_BYTES = 256 * 1024


class LogTail:
    """Gives the end of a file, and then what is added to it, each byte once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position: int | None = None
        self._decode = _decoder()

    def read_new(self) -> str:
        """What has come since the last call: nothing where the file is gone, its tail where too much has come."""
        try:
            size = self.path.stat().st_size
            if self._position is not None and size < self._position:  # begun anew by a rotation
                self._position, self._decode = None, _decoder()
            if size == self._position:
                return ""
            with self.path.open("rb") as file:
                start = max(self._position or 0, size - MOST_BYTES)
                skipped = start > (self._position or 0)
                file.seek(start)
                content = file.read(size - start)
        except OSError:
            return ""
        self._position = start + len(content)
        if not skipped:
            return self._decode.decode(content)
        self._decode = _decoder()
        return "…\n" + self._decode.decode(content.partition(b"\n")[2] or content)


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")(errors="replace")


def log_files(folder: Path) -> list[Path]:
    """The log files below a folder, by name."""
    try:
        return sorted(path for path in folder.rglob("*.log*") if path.is_file())
    except OSError:
        return []
