"""Event files and their messages: files as they grow, damaged ones, and the kinds of values."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.watching.sources.tensorboard.event_file import MAX_RECORD_BYTES, EventFile, crc32c, crc32c_of
from engine.watching.sources.tensorboard.event_messages import parse_event
from tests.engine.watching.sources.tensorboard.event_support import (
    VERSION,
    crc,
    event,
    field,
    plugin,
    record,
    simple,
    tensor,
    unchecked,
)

LIMIT = 2**20


def half(value: float) -> int:
    return int(np.array(value, np.float16).view(np.uint16))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (simple(0.0), 0.0),
        (simple(float("nan")), float("nan")),
        (tensor(1, field(5, struct.pack("<f", 1.5))), 1.5),  # packed, as TensorFlow writes
        (tensor(1, bytes([5 << 3 | 5]) + struct.pack("<f", 1.5)), 1.5),
        (tensor(1, field(4, struct.pack("<f", 2.5))), 2.5),
        (tensor(2, field(6, struct.pack("<d", 0.1))), 0.1),
        (tensor(2, field(4, struct.pack("<d", 0.1)), shape=(1, 1)), 0.1),
        (tensor(3, field(7, -2)), -2.0),
        (tensor(9, field(10, 2**40)), float(2**40)),
        (tensor(19, field(13, half(0.25))), 0.25),
        (tensor(19, field(4, struct.pack("<e", 0.25))), 0.25),
        (tensor(14, field(13, 0x3FC0)), 1.5),
        (tensor(23, field(17, 2**63)), 2.0**63),
        (tensor(1, field(5, struct.pack("<f", 1.5))) + plugin(b"scalars"), 1.5),
        (tensor(1, field(5, struct.pack("<f", 1.5))) + plugin(b"hparams"), None),
        (tensor(1, field(5, struct.pack("<2f", 1.5, 2.5)), shape=(2,)), None),
        (tensor(1, field(4, bytes(12)), shape=(1, 3)), None),
        (tensor(1, field(4, bytes(3))), None),
        (tensor(7, field(8, b"text")), None),
        (tensor(1, shape=(0,)), None),
        (field(4, field(1, 28)), None),  # an image
        (field(5, field(1, 0.0)), None),  # a histogram
    ],
)
def test_values(content: bytes, expected: float | None) -> None:
    parsed = parse_event(event(3, 7.5, loss=content))
    assert parsed is not None
    assert (parsed.step, parsed.wall_time, parsed.is_start) == (3, 7.5, False)
    assert [tag for tag, _ in parsed.scalars] == ["loss"] * (expected is not None)
    if expected is not None:
        np.testing.assert_equal(parsed.scalars[0][1], expected)


def test_a_tag_that_is_no_text_spoils_nothing() -> None:
    parsed = parse_event(field(5, field(1, field(1, b"\xff/loss") + simple(1.0))))
    assert parsed is not None
    assert parsed.scalars == (("\ufffd/loss", 1.0),)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(content: bytes) -> None:
    parse_event(content)


def test_checksums() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of its definition
    contents = [bytes(range(n % 7)) for n in range(100)] + [b"123456789"]
    assert crc32c_of(contents) == [crc32c(content) for content in contents]


def test_messages_are_parsed_without_tensorflow() -> None:
    program = (
        "import sys; from engine.watching.sources.tensorboard import source, event_messages as e; "
        "assert 'google.protobuf' not in sys.modules; e.parse_event(b''); assert 'google.protobuf' in sys.modules; "
        "sys.exit(any(name.split('.')[0] in ('tensorflow', 'tensorboard', 'keras') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[5])  # noqa: S603


def steps(file: EventFile) -> list[int]:
    return [each.step for each in file.read(LIMIT).events]


def test_what_is_written_partly_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "events"
    content = VERSION + record(event(1, 1, loss=0.5)) + record(event(2, 2, loss=0.25))
    file = EventFile(path)
    assert steps(file) == []  # before it is there
    found = []
    for end in range(len(content) + 1):
        path.write_bytes(content[:end])
        read = file.read(LIMIT)
        assert not read.problems and not read.was_replaced and not file.has_more
        found += [each.step for each in read.events]
    assert found == [1, 2]
    assert file.position == len(content)


def test_zeros_are_waited_for(tmp_path: Path) -> None:
    """A network drive may show a file's new size before its content."""
    path = tmp_path / "events"
    first, second = VERSION + record(event(1, 1, loss=0.5)), record(event(2, 2, loss=0.25))
    path.write_bytes(first + bytes(len(second)))
    file = EventFile(path)
    read = file.read(LIMIT)
    assert [each.step for each in read.events] == [1]
    assert not read.problems
    path.write_bytes(first + second)
    assert steps(file) == [2]


@pytest.mark.parametrize("is_same_inode", [True, False])
def test_a_longer_version_goes_on(tmp_path: Path, is_same_inode: bool) -> None:
    """Programs that synchronise folders replace a file by its longer version."""
    path = tmp_path / "events"
    content = VERSION + record(event(1, 1, loss=0.5))
    path.write_bytes(content)
    file = EventFile(path)
    assert steps(file) == [1]
    longer = path if is_same_inode else tmp_path / "part"
    longer.write_bytes(content + record(event(2, 2, loss=0.25)))
    longer.replace(path)
    assert steps(file) == [2]


@pytest.mark.parametrize("others", [0, 1, 9])
def test_another_file_of_the_same_name_is_noticed(tmp_path: Path, others: int) -> None:
    path = tmp_path / "events"
    path.write_bytes(VERSION + record(event(1, 1, loss=0.5)) + record(event(2, 2, loss=0.5)))
    file = EventFile(path)
    assert steps(file) == [1, 2]
    path.write_bytes(VERSION + b"".join(record(event(step, 9.0, loss=0.125)) for step in range(1, others + 1)))
    assert file.read(LIMIT).was_replaced
    file.rewind()
    assert steps(file) == list(range(1, others + 1))


def test_a_damaged_record_is_left_out_and_the_next_one_read(tmp_path: Path) -> None:
    path = tmp_path / "events"
    messages = [record(event(step, 1, loss=0.5)) for step in range(1, 13)]
    flipped = bytearray(messages[4])
    flipped[-6] ^= 1  # in the number
    torn = record(b"\xff" * 20)  # not a message
    path.write_bytes(VERSION + b"".join([*messages[:4], bytes(flipped), torn, *messages[5:]]))
    read = EventFile(path).read(LIMIT)
    assert [each.step for each in read.events] == [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    assert list(read.problems) == ["has a damaged record, which was left out"]


def test_after_a_damaged_length_nothing_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events"
    first = VERSION + record(event(1, 1, loss=0.5))
    second = bytearray(record(event(2, 1, loss=0.5)))
    second[0] ^= 1
    path.write_bytes(first + second + record(event(3, 1, loss=0.5)))
    file = EventFile(path)
    read = file.read(LIMIT)
    assert [each.step for each in read.events] == [1]
    assert list(read.problems) == [f"is damaged after {len(first):,} bytes, so that the rest of it can't be read"]
    assert not file.has_more
    with path.open("ab") as appended:
        appended.write(record(event(4, 1, loss=0.5)))
    again = file.read(LIMIT)
    assert not again.events and not again.problems, "it is said once"


def test_large_records_are_skipped_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "events"
    size = 2**26
    length = struct.pack("<Q", size)
    header = length + struct.pack("<I", crc(length))
    before, after = VERSION + record(event(1, 1, loss=0.5)), record(event(2, 2, loss=0.25))
    path.write_bytes(before + header)
    file = EventFile(path)
    assert steps(file) == [1]
    assert not file.has_more, "it is still being written"
    os.truncate(path, len(before) + len(header) + size + 4)
    with path.open("ab") as appended:
        appended.write(after)
    tracemalloc.start()
    try:
        assert steps(file) + steps(file) == [2]
        assert tracemalloc.get_traced_memory()[1] < size / 8
    finally:
        tracemalloc.stop()
    assert file.position == path.stat().st_size


def test_a_long_file_is_read_piece_by_piece(tmp_path: Path) -> None:
    path = tmp_path / "events"
    large = unchecked(bytes(MAX_RECORD_BYTES - 100))
    path.write_bytes(VERSION + b"".join(record(event(step, 1, loss=0.5)) + large for step in range(1, 6)))
    file = EventFile(path)
    found = steps(file)
    assert file.has_more and found != [1, 2, 3, 4, 5]
    while file.has_more:
        before = file.position
        found += steps(file)
        assert 0 < file.position - before <= LIMIT
    assert found == [1, 2, 3, 4, 5]


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(VERSION), st.just(record(event(1, 1, loss=0.5))))))
def test_any_content_is_read_to_its_end(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "any_events"
    path.write_bytes(b"".join(pieces))
    file = EventFile(path)
    file.read(LIMIT)
    assert not file.has_more
    assert file.position <= path.stat().st_size
