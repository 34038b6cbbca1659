"""Array with amortised appending."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from engine.utils.arrays import Array


class GrowableArray:
    """Holds ``values`` in a buffer with spare capacity, so that most appends copy nothing."""

    def __init__(self, dtype: DTypeLike = np.float64) -> None:
        self._buffer = np.empty(0, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> Array:
        """The current values, as a view of the buffer."""
        return self._buffer[: self._length]

    def reserve(self, length: int) -> None:
        """Grow the capacity to at least ``length`` values."""
        if length > len(self._buffer):
            buffer = np.empty(length, self._buffer.dtype)
            buffer[: self._length] = self.values
            self._buffer = buffer

    def replace(self, first: int, values: Array) -> None:
        """Replace everything from position ``first`` on by ``values``."""
        length = first + len(values)
        if length > len(self._buffer):
            self.reserve(max(length, 3 * len(self._buffer) // 2))
        self._buffer[first:length] = values
        self._length = length
