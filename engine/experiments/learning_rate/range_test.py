"""The learning rate range test: smoothing and display range of its losses, and the suggested rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.analysis.smoothing import exponential_average
from engine.utils.arrays import Array

RANGE_TEST = "range_test"  # the variant's name
MIN_RELATIVE_FALL = 0.01  # relative to the first loss; a smaller fall may be chance
MAX_RELATIVE_LOSS = 1.2  # relative to the first loss of the range test
SMOOTHING = 0.9  # weight of the previous average in each smoothed loss


def smooth_losses(losses: Sequence[float] | Array) -> Array:
    """Smooth the losses of a range test exponentially: float64 [len(losses)]."""
    return exponential_average(losses, SMOOTHING)


def losses_in_view(losses: Sequence[float] | Array) -> Array:
    """Select the losses of a range test that determine the range of the axis: float64.

    Losses above ``MAX_RELATIVE_LOSS`` times the first have diverged, and would flatten the rest of the curve.
    """
    values = np.asarray(losses, float)
    visible: Array = values[np.isfinite(values) & (values < MAX_RELATIVE_LOSS * values[0])]
    return visible


def suggest_rate(rates: Sequence[float] | Array, losses: Sequence[float] | Array) -> float | None:
    """Suggest a tenth of the rate at which the smoothed loss of a range test is minimal.

    The test is L. N. Smith's ("Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3); a tenth of
    the rate of minimal loss is the rule of thumb of the fastai library's ``lr_find``.

    Returns:
        The rate; None if no loss is finite, or the loss fell by less than ``MIN_RELATIVE_FALL``.
    """
    finite = np.asarray(losses, float)[np.isfinite(losses)]
    if not len(finite):
        return None
    smooth = smooth_losses(finite)
    least = int(np.argmin(smooth))
    return float(rates[least]) / 10 if smooth[least] < (1 - MIN_RELATIVE_FALL) * smooth[0] else None
