"""Reading of pickled result dictionaries without executing code from them.

Resolved are the names of which arrays, scalars and types of NumPy 1 and 2 consist in protocols 2 to 5, and what the
older protocols write for bytes. They become inert stubs: nothing is imported or called, and an array is made only of
numbers, from as many bytes as the file holds.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from engine.datasets.formats.unpickle import LimitedReads, RestrictedUnpickler, UnpickleError
from engine.utils.arrays import Array

MAX_READS = 4_000_000  # opcodes: five dictionaries of a course, with their weights as lists of NumPy's scalars
_NUMBER_TYPE = re.compile(r"[<>|=]?(?:f[248]|[iu][1248]|b1)")


class _Type:
    """Stub for ``numpy.dtype``."""

    def __init__(self, name: Any = "", *_: Any) -> None:
        self.name = name
        self.byte_order = ""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.byte_order = state[1]

    def to_numpy(self) -> np.dtype[Any]:
        """Return the type.

        Raises:
            UnpickleError: if it is not one of numbers.
        """
        if not isinstance(self.name, str) or not _NUMBER_TYPE.fullmatch(self.name):
            raise UnpickleError("one of its arrays holds something other than numbers")
        return np.dtype(self.byte_order + self.name if self.byte_order else self.name)


class _Encoded:
    """Stub for ``_codecs.encode``, as which protocol 2 writes bytes; encoded only where they are needed."""

    def __init__(self, text: Any = "", *_: Any) -> None:
        self.text = text

    def encoded(self) -> bytes | None:
        """Return the bytes; None if there are none."""
        is_encodable = isinstance(self.text, str) and all(character <= "\xff" for character in self.text)
        return self.text.encode("latin-1") if is_encodable else None


class StoredArray:
    """Stub for ``numpy.ndarray`` and NumPy's scalars."""

    def __init__(self, shape: Any = None, dtype: Any = None, content: Any = None, order: Any = "C") -> None:
        self._set(shape, dtype, content, order)

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 5:
            _, shape, dtype, is_fortran, content = state
            self._set(shape, dtype, content, "F" if is_fortran else "C")

    def _set(self, shape: Any, dtype: Any, content: Any, order: Any) -> None:
        self._shape, self._content, self._order = shape, content, order
        self._type = dtype if isinstance(dtype, _Type) else _Type(dtype)

    def to_numpy(self) -> Array:
        """Return the array, which shares the memory of the file's content.

        Raises:
            UnpickleError: if it is damaged, or not one of numbers.
        """
        dtype = self._type.to_numpy()
        content = self._content.encoded() if isinstance(self._content, _Encoded) else self._content
        if not isinstance(content, bytes | bytearray) or not isinstance(self._shape, tuple) or len(self._shape) > 8:
            raise UnpickleError("one of its arrays is damaged")
        if not all(type(side) is int and side >= 0 for side in self._shape):
            raise UnpickleError("one of its arrays is damaged")
        try:
            return np.frombuffer(content, dtype).reshape(self._shape, order="F" if self._order == "F" else "C")
        except (ValueError, OverflowError):
            raise UnpickleError("one of its arrays is damaged") from None


def _reconstruct(*_: Any) -> StoredArray:
    return StoredArray()


def _scalar(dtype: Any = None, content: Any = None, *_: Any) -> StoredArray:
    return StoredArray((), dtype, content)


def _from_buffer(content: Any = None, dtype: Any = None, shape: Any = None, order: Any = "C", *_: Any) -> StoredArray:
    return StoredArray(shape, dtype, content, order)


def _bytes(content: Any = b"", *_: Any) -> Any:
    return content


_STUBS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): StoredArray,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _Encoded,
}
_STUBS |= {(module, name): _bytes for module in ("builtins", "__builtin__") for name in ("bytes", "bytearray")}
for _core in ("numpy.core", "numpy._core"):
    _STUBS[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _STUBS[f"{_core}.multiarray", "scalar"] = _scalar
    _STUBS[f"{_core}.numeric", "_frombuffer"] = _from_buffer


class _Unpickler(RestrictedUnpickler):
    stubs: ClassVar[Mapping[tuple[str, str], Callable[..., Any]]] = _STUBS
    buildable: ClassVar[tuple[type, ...]] = (_Type, StoredArray)

    def _bytearray(self) -> None:
        """Read a bytearray: the base class allocates whatever size the pickle announces.

        Raises:
            UnpickleError: if it is longer than the file.
        """
        (size,) = struct.unpack("<Q", self.read(8))
        content = self.read(size)
        if len(content) != size:
            raise UnpickleError("it is incomplete")
        self.append(content)

    dispatch: ClassVar[dict[int, Callable[..., None]]] = (
        RestrictedUnpickler.dispatch
        | {code[0]: pickle._Unpickler.dispatch[code[0]] for code in (pickle.BINFLOAT, pickle.LONG1, pickle.BINBYTES8)}
        | {pickle.BYTEARRAY8[0]: _bytearray}
    )

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "torch":
            raise UnpickleError("it holds tensors of PyTorch, which can be stored as lists with .tolist()")
        return super().find_class(module, name)


def read_pickle(content: bytes) -> Any:
    """Return the containers, numbers and texts in a pickle; arrays and NumPy's scalars as ``StoredArray``.

    Lists may hold one another many times over, so that a small pickle may stand for more values than fit in memory.

    Raises:
        UnpickleError: if it holds anything else, or is damaged.
    """
    try:
        return _Unpickler(LimitedReads(content, MAX_READS, "a result dictionary")).load()
    except UnpickleError:
        raise
    except Exception as error:  # damaged pickles raise almost anything
        raise UnpickleError(f"it is damaged: {type(error).__name__}") from None
