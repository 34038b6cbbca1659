"""Axis ranges between round numbers, which seldom change while curves grow."""

from __future__ import annotations

import math

DECADE_MARGIN = 0.02


def round_range(low: float, high: float) -> tuple[float, float]:
    """Return the smallest range that contains both values, between multiples of a step.

    The step is 1, 2 or 5 times a power of ten; the range is four to ten steps long. A single value other than 0 is
    inside, so that half of its dot is not cut off by the frame, and its range wide enough for short numbers at ticks.
    """
    least = (0.2 if low == high else 1e-3) * max(abs(low), abs(high))
    span = max(high - low, least, 1e-9)
    power = 10 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in (10, 5, 2, 1) if factor * power <= span / 4)
    margin = int(low == high != 0)
    bottom = math.floor(low / step) - margin
    return bottom * step, max(math.ceil(high / step) + margin, bottom + 1) * step


def decades(low: float, high: float) -> tuple[float, float]:
    """Return the base-10 logarithms of the smallest range of whole decades that contains both values.

    It has at least three decades, as pyqtgraph labels nine numbers per decade for fewer. A value right at the end of a
    decade adds another one, so that its curve does not coincide with the frame.
    """
    bottom = math.floor(math.log10(low) - DECADE_MARGIN)
    return bottom, max(math.ceil(math.log10(high) + DECADE_MARGIN), bottom + 3)
