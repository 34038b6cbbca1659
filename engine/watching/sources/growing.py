"""Text files that another program appends to, read line by line as they grow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.utils.files import open_file

READ_BYTES = 2**20  # by one call, so that other files and the window have their turn
MAX_LINE_BYTES = 2**24  # weights of a layer as base64 are the longest lines; 16 MiB hold 3.1 million of them
_COMPARED_BYTES = 1024  # at the beginning, and before the position: those of the same file are still the same


@dataclass(frozen=True)
class Lines:
    """What a call read.

    Attributes:
        lines: number from 1, and content without its line ending; None for a line that is too long.
        restarted: whether the file is read from its beginning again, as it was replaced or shortened.
    """

    lines: Sequence[tuple[int, bytes | None]] = ()
    restarted: bool = False


class GrowingFile:
    r"""The complete lines, up to their ``\n``, of a file that grows.

    The file is open only during a call, as Windows lets nobody rename or delete an open one. It is opened even if its
    size seems unchanged, as network drives refresh that only when a file is opened.

    A file whose inode has changed goes on if it begins as the old one did and has the same bytes before the position:
    programs that synchronise folders replace a file by its longer version. Otherwise, and if it has shrunk, it is read
    from its beginning. An empty one is waited for, as some programs empty their log and write it anew.
    """

    def __init__(self, path: Path, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self.path = path
        self.has_more = False
        self._max_line_bytes = max_line_bytes
        self._stamp: tuple[int, ...] = ()
        self.rewind()

    def rewind(self) -> None:
        """Read from the beginning at the next call."""
        self.position = 0
        self.has_more = True
        self._number = 0
        self._head = self._tail = b""
        self._partial = bytearray()
        self._is_too_long = False

    def read(self) -> Lines:
        """Read at most ``READ_BYTES``; a file that is gone or can't be read yields nothing."""
        try:
            with open_file(self.path) as file:
                return self._read(file)
        except OSError:
            self.has_more = False
            return Lines()

    def _read(self, file: BinaryIO) -> Lines:
        status = os.fstat(file.fileno())
        stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
        if not status.st_size or (stamp == self._stamp and not self.has_more):
            self.has_more = False
            return Lines()
        self._stamp = stamp
        restarted = not self._goes_on(file)
        if restarted:
            self.rewind()
        file.seek(self.position)
        data = file.read(READ_BYTES)
        self.has_more = len(data) == READ_BYTES
        self.position += len(data)
        self._head += data[: _COMPARED_BYTES - len(self._head)]
        self._tail = (self._tail + data)[-_COMPARED_BYTES:]
        return Lines(self._split(data), restarted)

    def _goes_on(self, file: BinaryIO) -> bool:
        if file.read(len(self._head)) != self._head:
            return False
        file.seek(self.position - len(self._tail))
        return file.read(len(self._tail)) == self._tail

    def _split(self, data: bytes) -> list[tuple[int, bytes | None]]:
        lines: list[tuple[int, bytes | None]] = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._keep(piece)
            self._number += 1
            lines.append((self._number, None if self._is_too_long else bytes(self._partial).rstrip(b"\r")))
            self._partial.clear()
            self._is_too_long = False
        self._keep(rest)
        return lines

    def _keep(self, piece: bytes) -> None:
        if self._is_too_long or len(self._partial) + len(piece) > self._max_line_bytes:
            self._is_too_long = True
            self._partial = bytearray()
        else:
            self._partial += piece
