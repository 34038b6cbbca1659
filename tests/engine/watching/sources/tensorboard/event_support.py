"""TensorBoard's event files, written byte by byte after the documents of their format, and their folders read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.watching.sources.base import LogEntry, Measured, Problem
from engine.watching.sources.tensorboard import source as tensorboard
from engine.watching.sources.tensorboard.source import TensorBoardSource
from tests.engine.watching.sources.log_support import read_all, since_restart

Value = Callable[[], bytes]


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    result = b""
    while number > 0x7F:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number])


def field(number: int, content: bytes | int | float) -> bytes:
    """A field of a message: an integer, a double, or bytes, texts and messages."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, float):
        return varint(number << 3 | 1) + struct.pack("<d", content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def simple(value: float) -> bytes:
    return varint(2 << 3 | 5) + struct.pack("<f", value)


def tensor(dtype: int, *values: bytes, shape: tuple[int, ...] = ()) -> bytes:
    """A value of TensorFlow 2, with the fields of its tensor that hold numbers."""
    dims = b"".join(field(2, field(1, side)) for side in shape)
    return field(8, field(1, dtype) + field(2, dims) + b"".join(values))


def plugin(name: bytes) -> bytes:
    return field(9, field(1, field(1, name)))


def event(step: int, time: float, **values: float | bytes) -> bytes:
    """A message; a value is a number, or the fields of one besides its tag. In tags, ``__`` stands for a slash."""
    summary = b"".join(
        field(1, field(1, tag.replace("__", "/").encode()) + (each if isinstance(each, bytes) else simple(each)))
        for tag, each in values.items()
    )
    return field(1, float(time)) + (field(2, step) if step else b"") + (field(5, summary) if values else b"")


def crc(data: bytes) -> int:
    """CRC-32C by its definition, bit by bit, masked as in the files."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
    remainder ^= 0xFFFFFFFF
    return ((remainder >> 15 | remainder << 17) + 0xA282EAD8) % 2**32


def record(content: bytes) -> bytes:
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", crc(length)) + content + struct.pack("<I", crc(content))


def unchecked(content: bytes) -> bytes:
    """A record that nobody reads, so that its own checksum doesn't matter."""
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", crc(length)) + content + bytes(4)


VERSION = record(field(1, 1000.0) + field(3, b"brain.Event:2"))


def events(*messages: bytes) -> bytes:
    return VERSION + b"".join(map(record, messages))


def file_in(folder: Path, *messages: bytes, time: int = 1000, name: str = "host") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{time}.{name}"
    path.write_bytes(events(*messages))
    return path


def sources_under(root: Path) -> dict[str, TensorBoardSource]:
    """The runs by key, as a search through all directories finds them."""
    found: dict[str, TensorBoardSource] = {}
    for directory in [root, *sorted(path for path in root.rglob("*") if path.is_dir())]:
        for source in tensorboard.sources_in(root, [path for path in directory.iterdir() if path.is_file()]):
            assert isinstance(source, TensorBoardSource)
            found.setdefault(source.key, source)
    return found


def only_source(root: Path) -> TensorBoardSource:
    (source,) = sources_under(root).values()
    return source


def numbers_of(source: TensorBoardSource) -> dict[int, dict[str, float]]:
    """What a run says in the end of each step, from its beginning."""
    return numbers_in(read_all(source))


def numbers_in(entries: Sequence[LogEntry]) -> dict[int, dict[str, float]]:
    """The numbers of each step since the last restart."""
    found: dict[int, dict[str, float]] = {}
    for entry in since_restart(entries):
        if isinstance(entry, Measured):
            found.setdefault(entry.step, {}).update(entry.numbers)
    return found


def problems_of(source: TensorBoardSource) -> list[str]:
    return [entry.sentence for entry in read_all(source) if isinstance(entry, Problem)]
