"""engine.watching.sources.course.unpickle: pickles of all protocols and of NumPy 1 and 2, and hostile ones."""

from __future__ import annotations

import os
import pickle
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.datasets.formats.unpickle import UnpickleError
from engine.exports.course import portable_pickle
from engine.watching.sources.course.unpickle import StoredArray, read_pickle
from tests.engine.watching.sources.course.course_support import one_run, part3, problems, sources

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(3, dtype=">f8"),
    np.array([1, -2], np.int8),
    np.array([True, False]),
    np.array([0.5], np.float16),
    np.zeros((0, 3)),
    np.array(2.5),
    np.float32(1.5),
    np.int64(7),
]


def as_numpy_1(content: bytes) -> bytes:
    """The same pickle as NumPy 1 wrote it, but for the lengths of frames, which nothing reads."""
    for module in ("multiarray", "numeric"):
        new, old = f"numpy._core.{module}", f"numpy.core.{module}"
        content = content.replace(
            b"\x8c" + bytes([len(new)]) + new.encode(), b"\x8c" + bytes([len(old)]) + old.encode()
        )
        content = content.replace(f"c{new}\n".encode(), f"c{old}\n".encode())
    return content


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("is_old", [False, True])
def test_arrays_and_scalars_of_numpy(protocol: int, is_old: bool) -> None:
    content = pickle.dumps(ARRAYS, protocol)
    found = read_pickle(as_numpy_1(content) if is_old else content)
    assert b"numpy.core" not in content, "written by NumPy 2"
    for stored, array in zip(found, ARRAYS, strict=True):
        assert isinstance(stored, StoredArray)
        np.testing.assert_array_equal(stored.to_numpy(), array)
        assert stored.to_numpy().dtype == array.dtype.newbyteorder(
            "<" if array.dtype.byteorder == "=" else array.dtype.str[0]
        )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_containers_and_numbers(protocol: int) -> None:
    values = {"name": "größe", "list": [1, -2, 2**40, 0.5, None, True], "pair": (1, (2.5,)), "nested": {"a": [[1.0]]}}
    assert read_pickle(pickle.dumps(values, protocol)) == values


def test_our_own_export() -> None:
    found = read_pickle(portable_pickle({"weights": ARRAYS[1], "loss_curve": [1.5]}))
    np.testing.assert_array_equal(found["weights"].to_numpy(), ARRAYS[1])
    assert found["loss_curve"] == [1.5]


class Evil:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("made by a pickle"),)


@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_is_called(protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnpickleError, match="asks for"):
        read_pickle(pickle.dumps({"loss_curve": Evil()}, protocol))
    assert not list(tmp_path.iterdir())


def test_tensors_are_named(tmp_path: Path) -> None:
    content = b"\x80\x02}X\x0a\x00\x00\x00loss_curvectorch._utils\n_rebuild_tensor_v2\n)Rs."
    (tmp_path / "part3_m.pkl").write_bytes(content)
    os.utime(tmp_path / "part3_m.pkl", (1e9, 1e9))
    assert problems(one_run(tmp_path)) == [
        "part3_m.pkl can't be read as a result dictionary: it holds tensors of PyTorch, which can be stored as lists "
        "with .tolist()."
    ]


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"]),
        np.array([None], object),
        np.array([1 + 2j]),
        np.array([("a", 1)], "U1,i4"),
        np.array(["1"], "M8[s]"),
    ],
)
def test_arrays_of_other_things_are_refused(array: Any) -> None:
    with pytest.raises(UnpickleError):
        read_pickle(pickle.dumps([array], 4))[0].to_numpy()


def stored(*state: Any) -> StoredArray:
    array = StoredArray()
    array.__setstate__(state)
    return array


@pytest.mark.parametrize(
    "array",
    [
        StoredArray(),
        StoredArray((2,), "f4", b"1234"),
        StoredArray((-1, -1), "f4", b"1234"),
        StoredArray((2**40, 2**40, 0), "f4", b""),
        StoredArray((True,), "u1", b"1"),
        StoredArray((1,) * 100, "u1", b"1"),
        StoredArray([1], "u1", b"1"),
        StoredArray((1,), "u1", "1"),
        StoredArray((1,), ["u1"], b"1"),
        stored(1, (1,), "u1", False, None),
        stored(1, (1,)),
    ],
)
def test_damaged_arrays_are_refused(array: StoredArray) -> None:
    with pytest.raises(UnpickleError):
        array.to_numpy()


def nested(depth: int, width: int = 10) -> Any:
    """Lists that hold one another many times over: small in a pickle, more values than fit in memory."""
    values: Any = [0.5] * width
    for _ in range(depth):
        values = [values] * width
    return values


BOMBS = {
    "lists": pickle.dumps(part3(loss_curve=nested(20), weights=nested(3, 90)), 4),
    "ragged": pickle.dumps(part3(loss_curve=[0.5, nested(20)], weights=[nested(20), nested(3)]), 4),
    "empty": pickle.dumps(part3(loss_curve=[[[[]] * 1000] * 1000] * 1000), 4),
    "arrays": pickle.dumps(part3(loss_curve=[np.zeros(100_000)] * 20_000), 4),
    "dictionaries": pickle.dumps([part3(loss_curve=[0.5] * 5_000)] * 20_000, 4),
    "keys": pickle.dumps({f"a{n}_loss_curve": nested(5) for n in range(500)}, 4),
    "words": pickle.dumps({"_" * n + "loss_curve": [0.5] for n in range(500)}, 4),
    "encoded": pickle.dumps([part3(), *[b"\xff" * 100_000] * 100], 2),
    "bytearray": b"\x80\x05X\x0a\x00\x00\x00loss_curve\x96" + struct.pack("<Q", 2**40) + b".",
    "bytes": b"\x80\x04X\x0a\x00\x00\x00loss_curve\x8e" + struct.pack("<Q", 2**40) + b".",
    "memo": b"\x80\x02X\x0a\x00\x00\x00loss_curver" + struct.pack("<I", 2**32 - 1) + b".",
    "opcodes": b"\x80\x02X\x0a\x00\x00\x00loss_curve" + b"]0" * 100,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_take_neither_time_nor_memory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.watching.sources.course.dictionary._MAX_VALUES", 2**18)
    (tmp_path / "part3_m.pkl").write_bytes(BOMBS[name])
    tracemalloc.start()
    started = time.process_time()
    try:
        for source in list(sources(tmp_path).values())[:2]:
            source.read()
        assert tracemalloc.get_traced_memory()[1] < 300 * 2**20
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 10


def test_too_many_opcodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.watching.sources.course.unpickle.MAX_READS", 1000)
    with pytest.raises(UnpickleError, match="more in it than a result dictionary"):
        read_pickle(b"\x80\x02]" + b"(e" * 1000 + b".")


@given(st.data())
def test_damaged_pickles_are_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(pickle.dumps(part3(weights=ARRAYS[0]), data.draw(st.integers(2, 5))))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(content[: data.draw(st.integers(0, len(content)))]))


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    check(b"\x80\x04" + content)


def check(content: bytes) -> None:
    try:
        read_pickle(content)
    except UnpickleError as error:
        assert str(error)
