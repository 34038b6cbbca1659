"""Reads the batches of CIFAR-10's Python version without running what a pickle can make Python run.

The official batches were pickled by Python 2 with NumPy: a dictionary of byte strings, lists of integers and one array.
Only the three names that such an array is made of are resolved, and to inert stand-ins that merely keep what they are
given; no code of NumPy or of the pickle's choosing is ever called.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from engine.arrays import Array


class UnpickleError(ValueError):
    """The bytes are not a pickle of the plain kind described above."""


class _Type:
    """Stands in for ``numpy.dtype``; keeps its name, such as ``u1``."""

    def __init__(self, name: Any = b"", *_: Any) -> None:
        self.name = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like, which a byte doesn't have."""


class _Array:
    """Stands in for ``numpy.ndarray``; keeps the state it is given."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _reconstruct(*_: Any) -> _Array:
    return _Array()


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
}


# The unpickler written in Python, as the one in C fills gigabytes where a pickle asks for a large memo index.
class _Unpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """A stand-in; nothing is imported."""
        if (module, name) not in _STAND_INS:
            raise UnpickleError(f"it asks for {module}.{name}")
        return _STAND_INS[module, name]


def read_batch(content: bytes) -> dict[bytes, Any]:
    """The dictionary in a pickled batch, arrays as uint8; raises :class:`UnpickleError`."""
    try:
        found = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except UnpickleError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its opcodes run into
        raise UnpickleError(f"it is damaged: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise UnpickleError("it holds no dictionary")
    return {key: _array(value) if isinstance(value, _Array) else value for key, value in found.items()}


def _array(stand_in: _Array) -> Array:
    """The array of bytes that a stand-in was given; state: version, shape, type, Fortran order, content."""
    match stand_in.state:
        case (int(), (int(rows), int(columns)), _Type(name="u1"), fortran, bytes(content)) if (
            len(content) == rows * columns and min(rows, columns) > 0
        ):
            return np.frombuffer(content, np.uint8).reshape((rows, columns), order="F" if fortran else "C")
    raise UnpickleError("its array is not one of bytes in rows and columns")
