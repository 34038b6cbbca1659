"""Exponential moving average with bias correction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.utils.arrays import Array

NO_VALUES = np.empty(0)
NEGLIGIBLE = 1e-17  # share^n below which the bias correction is dropped


def exponential_average(values: Sequence[float] | Array, share: float, before: Array = NO_VALUES) -> Array:
    """Compute the bias-corrected exponential moving average of values.

    m_n = share m_{n-1} + (1 - share) x_n, divided by 1 - share^n so that it does not start near 0 (Kingma and Ba,
    "Adam", 2015, section 3).

    Args:
        values: the values that follow those of ``before``.
        share: weight of the previous average, 0 (no smoothing) to just below 1.
        before: result of this function for the preceding values, so that only the new end of a growing curve is
            computed.

    Returns:
        float64 [len(values)]; NaN where a value is not finite, which the average skips.
    """
    raw = np.asarray(values, float)
    if not share:
        return raw
    result = np.full(len(raw), np.nan)
    finite = np.isfinite(raw)
    result[finite] = _averages(raw[finite], share, before[np.isfinite(before)])
    return result


def _averages(values: Array, share: float, before: Array) -> Array:
    """Average finite values that follow the finite averages ``before``."""
    if not len(values):
        return values
    # The import takes half a second: see preload().
    from scipy.signal import lfilter

    count = len(before)
    last = before[-1] * (1 - share**count) if count else 0.0
    averages, _ = lfilter([1 - share], [1, -share], values, zi=[share * last])
    # After some thousand values the correction is below float64 precision.
    biased = max(min(math.ceil(math.log(NEGLIGIBLE) / math.log(share)) - count, len(values)), 0)
    averages[:biased] /= 1 - share ** np.arange(count + 1.0, count + biased + 1)
    result: Array = averages
    return result


def preload() -> None:
    """Import SciPy's signal module ahead of the first call."""
    import scipy.signal  # noqa: F401
