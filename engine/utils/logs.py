"""Log of this process, in memory and in a rotating file, and incremental reading of growing log files."""

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
MAX_BYTES = 256 * 1024  # read from a file at once, so that a file of any size costs no more than this


class ProgramLog:
    """Collects log records from its construction until ``close``.

    Records of level INFO and above are kept in memory; warnings also go to stderr, if there is one.
    """

    def __init__(self) -> None:
        self._buffer = _RingBuffer()
        self._handlers: list[logging.Handler] = [self._buffer]
        self._file: logging.Handler | None = None
        if sys.stderr is not None:  # None in a program without a console
            terminal = logging.StreamHandler()
            terminal.setLevel(logging.WARNING)
            self._handlers.append(terminal)
        root = logging.getLogger()
        self._previous_level = root.level
        root.setLevel(logging.INFO)
        for handler in self._handlers:
            self._attach(handler)

    def write_to(self, folder: Path) -> None:
        """Write to a rotating file in ``folder`` from now on; if it can't be written, keep records in memory only."""
        self._close_file()
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
        self._attach(self._file)

    def reader(self) -> LogReader:
        """Return a reader that starts at the oldest line kept."""
        return LogReader(self._buffer)

    def close(self) -> None:
        """Remove the handlers and restore the log level."""
        self._close_file()
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
        logging.getLogger().setLevel(self._previous_level)

    @staticmethod
    def _attach(handler: logging.Handler) -> None:
        handler.setFormatter(logging.Formatter(FORMAT))
        logging.getLogger().addHandler(handler)

    def _close_file(self) -> None:
        if self._file is not None:
            logging.getLogger().removeHandler(self._file)
            self._file.close()
            self._file = None


class _RingBuffer(logging.Handler):
    """Keeps the newest ``LINES_KEPT`` lines; access is guarded by the handler's own lock."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._count = 0  # of all records logged so far

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record."""
        self._lines.append(self.format(record))
        self._count += 1

    def since(self, count: int) -> tuple[list[str], int]:
        """Return the kept lines logged after the first ``count``, and the total number logged."""
        self.acquire()
        try:
            new = min(self._count - count, len(self._lines))
            return list(self._lines)[len(self._lines) - new :], self._count
        finally:
            self.release()


class LogReader:
    """Reads the log of this process, each line once."""

    def __init__(self, ring: _RingBuffer) -> None:
        self._buffer = ring
        self._count = 0

    def read_new(self) -> str:
        """Return the whole lines logged since the last call."""
        lines, self._count = self._buffer.since(self._count)
        return "".join(f"{line}\n" for line in lines)


class LogTail:
    """Reads the end of a file and then what is appended, each byte once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position: int | None = None
        self._decode = _decoder()

    def read_new(self) -> str:
        """Return what was appended since the last call: at most the last ``MAX_BYTES``, empty if the file is gone."""
        try:
            size = self.path.stat().st_size
            if self._position is not None and size < self._position:  # rotated
                self._position, self._decode = None, _decoder()
            if size == self._position:
                return ""
            with self.path.open("rb") as file:
                start = max(self._position or 0, size - MAX_BYTES)
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
    """List the log files below a folder, sorted by name."""
    try:
        return sorted(path for path in folder.rglob("*.log*") if path.is_file())
    except OSError:
        return []
