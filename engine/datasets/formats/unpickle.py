"""Reading of plain pickles without executing code from them: the batches of CIFAR's Python version, and the base class.

The official batches were pickled by Python 2 with NumPy: a dictionary of byte strings, lists of integers and one array.
Only the three names of which such an array consists are resolved, to inert stubs that only keep their arguments;
neither code of NumPy nor any other chosen by the pickle is called.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from engine.utils.arrays import Array


class UnpickleError(ValueError):
    """The bytes are not a pickle of the plain kind described above."""


class _Type:
    """Stub for ``numpy.dtype``; keeps its name, such as ``u1``."""

    def __init__(self, name: Any = b"", *_: Any) -> None:
        self.name = name.decode("ascii", "replace") if isinstance(name, bytes) else ""

    def __setstate__(self, state: Any) -> None:
        """Ignore byte order and the like, which bytes don't have."""


class _Array:
    """Stub for ``numpy.ndarray``; keeps its state."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _reconstruct(*_: Any) -> _Array:
    return _Array()


_STUBS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
}


# The opcodes of such batches, including the memo, which Python 2 wrote with every value. Others could allocate memory
# before anything is read, or put values into sets, where hashing can take forever.
_OPCODES = (
    *(pickle.PROTO, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.REDUCE, pickle.BUILD, pickle.NONE),
    *(pickle.NEWTRUE, pickle.NEWFALSE, pickle.BININT, pickle.BININT1, pickle.BININT2),
    *(pickle.SHORT_BINSTRING, pickle.BINSTRING, pickle.SHORT_BINBYTES, pickle.BINBYTES, pickle.BINUNICODE),
    *(pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS, pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.BINPUT, pickle.LONG_BINPUT, pickle.BINGET, pickle.LONG_BINGET),
    # And those by which other protocols name globals, so that the error can say which is requested.
    *(pickle.PUT, pickle.UNICODE, pickle.SHORT_BINUNICODE, pickle.MEMOIZE, pickle.STACK_GLOBAL),
)
_MAX_READS = 1_000_000  # CIFAR-100's largest batch takes less than half of them


class LimitedReads(io.BytesIO):
    """Fails if there are more opcodes than in the largest pickle of the kind, named by ``kind``: they take a while."""

    def __init__(self, content: bytes, limit: int, kind: str) -> None:
        super().__init__(content)
        self._left, self._kind = limit, kind

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as usual.

        Raises:
            UnpickleError: if the limit is exceeded.
        """
        self._left -= 1
        if self._left < 0:
            raise UnpickleError(f"it has more in it than {self._kind}")
        return super().read(size)


# The Python implementation, as the one in C allocates gigabytes for a large memo index.
class RestrictedUnpickler(pickle._Unpickler):
    """Reads containers of values and the types of ``stubs``.

    Attributes:
        stubs: what stands for a global name, by module and name.
        buildable: the stubs whose state a pickle may set.
    """

    stubs: ClassVar[Mapping[tuple[str, str], Callable[..., Any]]] = _STUBS
    buildable: ClassVar[tuple[type, ...]] = (_Type, _Array)

    # Attributes of the base class that its type stub lacks.
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
        """Set dictionary items whose keys are texts: hashing deeply nested tuples would take forever.

        Raises:
            UnpickleError: if a key is no text.
        """
        names, table = items[::2], self.stack[-1]
        if not isinstance(table, dict) or not all(isinstance(name, bytes | str) for name in names):
            raise UnpickleError("it has something else for a name")
        table.update(zip(names, items[1::2], strict=True))

    def _frame(self) -> None:
        """Skip the length of a frame, which only matters for reading ahead."""
        self.read(8)

    def _build(self) -> None:
        if not isinstance(self.stack[-2], self.buildable):
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
        """Return a stub; nothing is imported.

        Raises:
            UnpickleError: if there is none of that name.
        """
        if (module, name) not in self.stubs:
            raise UnpickleError(f"it asks for {module}.{name}")
        return self.stubs[module, name]


def read_batch(content: bytes) -> dict[bytes, Any]:
    """Return the dictionary of a pickled batch, arrays as uint8.

    Raises:
        UnpickleError: if it is no such pickle.
    """
    try:
        found = RestrictedUnpickler(LimitedReads(content, _MAX_READS, "a batch"), encoding="bytes").load()
    except UnpickleError:
        raise
    except Exception as error:  # damaged pickles raise almost anything
        raise UnpickleError(f"it is damaged: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise UnpickleError("it holds no dictionary")
    return {key: _array(value) if isinstance(value, _Array) else value for key, value in found.items()}


def _array(stub: _Array) -> Array:
    """Convert a stub's state (version, shape, type, Fortran order, content) to an array.

    Raises:
        UnpickleError: if it is no two-dimensional array of bytes.
    """
    match stub.state:
        case (int(), (int(rows), int(columns)), _Type(name="u1"), fortran, bytes(content)) if (
            min(rows, columns) > 0 and len(content) == rows * columns
        ):
            return np.frombuffer(content, np.uint8).reshape((rows, columns), order="F" if fortran else "C")
    raise UnpickleError("its array is not one of bytes in rows and columns")
