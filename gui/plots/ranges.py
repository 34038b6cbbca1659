"""Ranges of axes between round numbers, which change seldom while curves grow."""

from __future__ import annotations

import math

DECADE_MARGIN = 0.02


def round_range(low: float, high: float) -> tuple[float, float]:
    """The least range between multiples of 1, 2 or 5 times a power of ten that holds both, four to ten steps long."""
    span = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-9)
    power = 10 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in (10, 5, 2, 1) if factor * power <= span / 4)
    bottom = math.floor(low / step)
    return bottom * step, max(math.ceil(high / step), bottom + 1) * step


def decades(low: float, high: float) -> tuple[float, float]:
    """Logarithms of the least whole decades, three or more, that hold both; fewer make an axis label every ninth.

    A value just at the end of a decade gets another one, or its curve would lie on the frame.
    """
    bottom = math.floor(math.log10(low) - DECADE_MARGIN)
    return bottom, max(math.ceil(math.log10(high) + DECADE_MARGIN), bottom + 3)
