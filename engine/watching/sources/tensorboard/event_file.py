"""TensorBoard's event files, followed as they grow.

A file is a sequence of records: the length of the content in 8 bytes, a checksum of those, the content, and a checksum
of that, all little-endian: https://www.tensorflow.org/tutorials/load_data/tfrecord. A record whose length fits its
checksum can be skipped whatever it holds; after one whose length doesn't fit, nothing more can be found.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.utils.arrays import Array
from engine.utils.files import open_file
from engine.watching.sources.tensorboard.event_messages import Event, parse_event

MAX_RECORD_BYTES = 2**19  # larger ones hold images, histograms or a graph
_HEADER = struct.Struct("<QI")
_TAIL_BYTES = 4
_MAX_LENGTH = 2**40
_COMPARED_BYTES = 64  # before the position: with a checksum and times, those of another file differ
_POLYNOMIAL = 0x82F63B78  # of CRC-32C, bits reversed


@dataclass(frozen=True)
class Events:
    """What a call read.

    Attributes:
        problems: parts of sentences that begin with the file's name.
        was_replaced: whether the file is another one than before, so that it is to be read from its beginning.
    """

    events: Sequence[Event] = ()
    problems: Sequence[str] = ()
    was_replaced: bool = False


class EventFile:
    """An event file that another program appends to; it is open only during a call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rewind()

    def rewind(self) -> None:
        """Read from the beginning at the next call."""
        self.position = 0
        self.has_more = False
        self._end = b""
        self._has_stopped = False
        self._has_problem = False

    def read(self, limit: int) -> Events:
        """Return the events in about ``limit`` bytes, at least 1 MiB; nothing from a file that can't be read now."""
        self.has_more = False
        try:
            with open_file(self.path) as file:
                return self._read(file, limit)
        except OSError:
            return Events()

    def _read(self, file: BinaryIO, limit: int) -> Events:
        size = os.fstat(file.fileno()).st_size
        if size == self.position or not size:
            return Events()
        if size < self.position or self._bytes_before(file) != self._end:
            return Events(was_replaced=True)
        file.seek(self.position)
        data = file.read(limit)
        records, used, has_stopped = _split(data, size - self.position)
        self._advance(file, used)
        self.has_more = not has_stopped and used > 0 and self.position < size and len(data) == limit
        events, damaged = _parse(records)
        problems = []
        if damaged and not self._has_problem:
            self._has_problem = True
            problems.append("has a damaged record, which was left out")
        if has_stopped and not self._has_stopped:
            self._has_stopped = True
            problems.append(f"is damaged after {self.position:,} bytes, so that the rest of it can't be read")
        return Events(events, problems)

    def _advance(self, file: BinaryIO, used: int) -> None:
        self.position += used
        self._end = self._bytes_before(file)

    def _bytes_before(self, file: BinaryIO) -> bytes:
        start = max(0, self.position - _COMPARED_BYTES)
        file.seek(start)
        return file.read(self.position - start)


def _split(data: bytes, available: int) -> tuple[list[bytes], int, bool]:
    """Split what was read from a file.

    Args:
        data: from the position on.
        available: bytes of the file from the position on.

    Returns:
        The records with their checksums, how many bytes they take with those that are skipped, and whether what follows
        them is no record. An incomplete one is not taken, as it is still being written; nor are zeros, as some network
        drives show a file's new size before its new content.
    """
    records: list[bytes] = []
    position = 0
    while position + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, position)
        if not length and not checksum:
            break
        if length > _MAX_LENGTH or _masked(crc32c(data[position : position + 8])) != checksum:
            return records, position, True
        end = position + _HEADER.size + length + _TAIL_BYTES
        if end > available:
            break
        if length <= MAX_RECORD_BYTES:
            if end > len(data):
                break
            records.append(data[position + _HEADER.size : end])
        position = end
    return records, position, False


def _parse(records: Sequence[bytes]) -> tuple[list[Event], int]:
    """Return the events that say something, and the number of damaged records; each record has its checksum behind it.

    Only records that hold something of use are checked, as that takes longer than everything else.
    """
    parsed = [(record, parse_event(record[:-_TAIL_BYTES])) for record in records]
    used = [(record, event) for record, event in parsed if event is not None and (event.scalars or event.is_start)]
    damaged = sum(event is None for _, event in parsed)
    checksums = crc32c_of([record[:-_TAIL_BYTES] for record, _ in used])
    events = []
    for (record, event), checksum in zip(used, checksums, strict=True):
        if _masked(checksum) == int.from_bytes(record[-_TAIL_BYTES:], "little"):
            events.append(event)
        else:
            damaged += 1
    return events, damaged


def _masked(checksum: int) -> int:
    """Return a checksum as it is written."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of a few bytes."""
    table, _ = _tables()
    checksum = 0xFFFFFFFF
    for byte in data:
        checksum = table[(checksum ^ byte) & 0xFF] ^ checksum >> 8
    return checksum ^ 0xFFFFFFFF


def crc32c_of(contents: Sequence[bytes]) -> list[int]:
    """Return the CRC-32C of each of many contents: all of the same length at once, byte by byte."""
    by_length: dict[int, list[int]] = {}
    for number, content in enumerate(contents):
        by_length.setdefault(len(content), []).append(number)
    checksums = [0] * len(contents)
    for length, numbers in by_length.items():
        for number, checksum in zip(numbers, _crc32c([contents[each] for each in numbers], length), strict=True):
            checksums[number] = checksum
    return checksums


def _crc32c(contents: Sequence[bytes], length: int) -> Iterator[int]:
    if len(contents) < 8:  # below, NumPy's calls take longer than the bytes
        return map(crc32c, contents)
    _, table = _tables()
    columns = np.frombuffer(b"".join(contents), np.uint8).reshape(len(contents), length).T.copy()
    checksums = np.full(len(contents), 0xFFFFFFFF, np.uint32)
    for column in columns:
        checksums = table[(checksums ^ column) & 0xFF] ^ checksums >> 8
    return iter((checksums ^ 0xFFFFFFFF).tolist())


@cache
def _tables() -> tuple[tuple[int, ...], Array]:
    """Return the checksum of each byte, for a loop and for NumPy."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)  # noqa: PLW2901
        table.append(byte)
    return tuple(table), np.array(table, np.uint32)
