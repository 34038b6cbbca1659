"""Exponential smoothing without the bias of the first values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.utils.arrays import Array

NOTHING = np.empty(0)
NEGLIGIBLE = 1e-17


def exponential_average(values: Sequence[float] | Array, share: float, before: Array = NOTHING) -> Array:
    """Values averaged exponentially: float64, as many; NaN where a value is not finite, which the average skips.

    Each average is ``share`` of the one before and the rest of the value, divided by 1 - share^n after n values (Kingma
    and Ba, "Adam", 2015, section 3), so that it does not start near 0.

    Args:
        values: what follows ``before``.
        share: 0 (as they are) to just below 1.
        before: what this function gave for the values before these, so that a growing curve needs only its new end.
    """
    given = np.asarray(values, float)
    if not share:
        return given
    result = np.full(len(given), np.nan)
    sound = np.isfinite(given)
    result[sound] = _averages(given[sound], share, before[np.isfinite(before)])
    return result


def _averages(values: Array, share: float, before: Array) -> Array:
    """Of finite values after finite averages."""
    if not len(values):
        return values
    # Imported here, as it takes half a second: see preload().
    from scipy.signal import lfilter

    count = len(before)
    last = before[-1] * (1 - share**count) if count else 0.0
    averages, _ = lfilter([1 - share], [1, -share], values, zi=[share * last])
    # After some thousand values the correction is less than a float64 can hold.
    biased = max(min(math.ceil(math.log(NEGLIGIBLE) / math.log(share)) - count, len(values)), 0)
    averages[:biased] /= 1 - share ** np.arange(count + 1.0, count + biased + 1)
    result: Array = averages
    return result


def preload() -> None:
    """Load the library, so that the first call need not."""
    import scipy.signal  # noqa: F401
