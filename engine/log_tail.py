"""Reads the end of a log file that another process goes on writing."""

from __future__ import annotations

import codecs
from pathlib import Path

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
