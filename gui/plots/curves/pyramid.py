"""Min-max pyramid of a curve, so that a million values are drawn as fast as a thousand.

A curve with more values than the plot has columns of pixels looks the same if only the minimum and maximum of each
block of neighbours are drawn (Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", 2014). Block
lengths are powers of two and blocks start at multiples of their length, so they stay the same while the plot is panned.
"""

from __future__ import annotations

import numpy as np

from engine.utils.arrays import Array
from gui.observations.growable_array import GrowableArray

FIRST_LEVEL = 3  # blocks of 8; smaller ones are computed from few values when drawn


class Pyramid:
    """Blocks of the curves ``low`` and ``high`` (the same for a line), both float [values]; NaN is ignored."""

    def __init__(self) -> None:
        self._low, self._high = np.empty(0), np.empty(0)
        self._levels: list[tuple[GrowableArray, GrowableArray]] = []

    def update(self, low: Array, high: Array, first: int) -> None:
        """Replace the curves, unchanged before position ``first``."""
        if len(low) < len(self._low):
            self._levels.clear()
        self._low, self._high = low, high
        level, begin, length = FIRST_LEVEL, first >> FIRST_LEVEL, _blocks(len(low), FIRST_LEVEL)
        below, halvings = (low, high), FIRST_LEVEL
        while length > 1:
            if level - FIRST_LEVEL == len(self._levels):
                self._levels.append((GrowableArray(low.dtype), GrowableArray(high.dtype)))
                begin = 0
            lows, highs = self._levels[level - FIRST_LEVEL]
            lows.replace(begin, _reduce(np.fmin, below[0][begin << halvings :], halvings))
            highs.replace(begin, _reduce(np.fmax, below[1][begin << halvings :], halvings))
            below, halvings = (lows.values, highs.values), 1
            level, begin, length = level + 1, begin >> 1, _blocks(length, 1)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Minimum and maximum of all finite values; None if there are none."""
        top = (part.values for part in self._levels[-1]) if self._levels else (self._low, self._high)
        low, high = (part[np.isfinite(part)] for part in top)
        return (float(low.min()), float(high.max())) if len(low) and len(high) else None

    def blocks(self, first: int, last: int, level: int) -> tuple[int, Array, Array]:
        """Return the blocks of 2^``level`` values that contain the values from ``first`` up to ``last``.

        Returns:
            Index of the first block, and minima and maxima of the blocks, float [blocks] each.
        """
        begin, end = first >> level, _blocks(last, level)
        stored = level - FIRST_LEVEL
        if 0 <= stored < len(self._levels):
            lows, highs = self._levels[stored]
            return begin, lows.values[begin:end], highs.values[begin:end]
        piece = slice(begin << level, end << level)
        return begin, _reduce(np.fmin, self._low[piece], level), _reduce(np.fmax, self._high[piece], level)


def _blocks(length: int, level: int) -> int:
    """Return the number of blocks of 2^``level`` that contain ``length`` values."""
    return -(-length >> level)


def _reduce(extreme: np.ufunc, values: Array, halvings: int) -> Array:
    """Reduce pairs of neighbours by ``extreme``, ``halvings`` times; an odd last value is kept."""
    for _ in range(halvings):
        pairs = extreme(values[:-1:2], values[1::2])
        values = np.append(pairs, values[-1:]) if len(values) % 2 else pairs
    return values
