"""Type alias for NumPy arrays, whose shape and dtype are given in the docstrings, and their alignment in memory."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

# TensorFlow computes on the memory of an array itself where its address is a multiple of this, and on a copy elsewhere.
ALIGNMENT = 64


def aligned_empty(shape: tuple[int, ...]) -> Array:
    """Return an uninitialised float32 array that starts at a multiple of ``ALIGNMENT``; NumPy's own need not."""
    size = 4 * math.prod(shape)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(np.float32).reshape(shape)
