"""An array whose end changes and grows."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from engine.utils.arrays import Array


class GrowableArray:
    """Holds ``values`` in a buffer with room to spare, so that appending doesn't copy what is there."""

    def __init__(self, dtype: DTypeLike = np.float64) -> None:
        self._buffer = np.empty(0, dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> Array:
        """A view of what it holds."""
        return self._buffer[: self._length]

    def reserve(self, length: int) -> None:
        """Have room for so many values."""
        if length > len(self._buffer):
            buffer = np.empty(length, self._buffer.dtype)
            buffer[: self._length] = self.values
            self._buffer = buffer

    def replace(self, first: int, values: Array) -> None:
        """Keep what is before position ``first``; ``values`` follow."""
        length = first + len(values)
        if length > len(self._buffer):
            self.reserve(max(length, 3 * len(self._buffer) // 2))
        self._buffer[first:length] = values
        self._length = length
