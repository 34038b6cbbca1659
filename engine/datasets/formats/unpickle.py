"""Reads the batches of CIFAR-10's Python version without running what a pickle can make Python run.

The official batches were pickled by Python 2 with NumPy: a dictionary of byte strings, lists of integers and one array.
Only the three names that such an array is made of are resolved, and to inert stand-ins that merely keep what they are
given; no code of NumPy or of the pickle's choosing is ever called.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from engine.utils.arrays import Array


class UnpickleError(ValueError):
    """The bytes are not a pickle of the plain kind described above."""


class _Type:
    """Stands in for ``numpy.dtype``; keeps its name, such as ``u1``."""

    def __init__(self, name: Any = b"", *_: Any) -> None:
        self.name = name.decode("ascii", "replace") if isinstance(name, bytes) else ""

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


# The opcodes that such batches are made of, and their memo, which Python 2 wrote with every value. Others could make
# Python take memory before anything is read, or keep a value in sets, whose hash can take for ever to compute.
_OPCODES = (
    *(pickle.PROTO, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.NONE),
    *(pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2),
    *(pickle.SHORT_BINSTRING, pickle.BINSTRING, pickle.SHORT_BINBYTES, pickle.BINBYTES, pickle.BINUNICODE),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.BINPUT, pickle.LONG_BINPUT, pickle.BINGET, pickle.LONG_BINGET),
    # And those in which other protocols name things, so that what a pickle asks for can be told.
    *(pickle.PUT, pickle.UNICODE, pickle.SHORT_BINUNICODE, pickle.MEMOIZE, pickle.STACK_GLOBAL),
)
_MOST_READS = 1_000_000  # an official batch takes fewer than 100,000


class _Counted(io.BytesIO):
    """Ends with an error where there are more opcodes than a batch has: they would take minutes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._left = _MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """As usual."""
        self._left -= 1
        if self._left < 0:
            raise UnpickleError("it has more in it than a batch")
        return super().read(size)


# The unpickler written in Python, as the one in C fills gigabytes where a pickle asks for a large memo index.
class _Unpickler(pickle._Unpickler):
    # What the base class has beyond what its stub says.
    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def _set_item(self) -> None:
        value, name = self.stack.pop(), self.stack.pop()
        self._set([name, value])

    def _set_items(self) -> None:
        self._set(self.pop_mark())

    def _dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set(items)

    def _set(self, items: list[Any]) -> None:
        """Only names are hashed: tuples of tuples of tuples would take for ever."""
        names, table = items[::2], self.stack[-1]
        if not isinstance(table, dict) or not all(isinstance(name, bytes | str) for name in names):
            raise UnpickleError("it has something else for a name")
        table.update(zip(names, items[1::2], strict=True))

    def _frame(self) -> None:
        """A length, which is only of use to who reads far ahead."""
        self.read(8)

    def _build(self) -> None:
        if not isinstance(self.stack[-2], _Type | _Array):
            raise UnpickleError("it changes what it must not")
        pickle._Unpickler.dispatch[pickle.BUILD[0]](self)  # type: ignore[arg-type]

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        code[0]: pickle._Unpickler.dispatch[code[0]] for code in _OPCODES
    } | {
        pickle.DICT[0]: _dict,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.BUILD[0]: _build,
        pickle.FRAME[0]: _frame,
    }

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in; nothing is imported."""
        if (module, name) not in _STAND_INS:
            raise UnpickleError(f"it asks for {module}.{name}")
        return _STAND_INS[module, name]


def read_batch(content: bytes) -> dict[bytes, Any]:
    """The dictionary in a pickled batch, arrays as uint8; raises :class:`UnpickleError`."""
    try:
        found = _Unpickler(_Counted(content), encoding="bytes").load()
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
            min(rows, columns) > 0 and len(content) == rows * columns
        ):
            return np.frombuffer(content, np.uint8).reshape((rows, columns), order="F" if fortran else "C")
    raise UnpickleError("its array is not one of bytes in rows and columns")
