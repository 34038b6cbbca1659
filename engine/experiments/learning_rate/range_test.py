"""The learning rate range test: how its losses are smoothed and shown, and the rate that they suggest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.analysis.smoothing import exponential_average
from engine.utils.arrays import Array

RANGE_TEST = "range_test"  # the variant's name
MIN_RELATIVE_FALL = 0.01  # share of the first loss; less than that may be chance
MAX_RELATIVE_LOSS = 1.2  # times the first loss of a range test
SMOOTHING = 0.9  # share of the average so far in each smoothed loss


def smooth_losses(losses: Sequence[float] | Array) -> Array:
    """Losses of a range test, exponentially smoothed to be read: float64, as many."""
    return exponential_average(losses, SMOOTHING)


def losses_in_view(losses: Sequence[float] | Array) -> Array:
    """The losses of a range test that the axis is scaled to: float64, at most as many.

    Losses above :data:`MAX_RELATIVE_LOSS` times the first have diverged, and would flatten the rest of the curve.
    """
    values = np.asarray(losses, float)
    kept: Array = values[np.isfinite(values) & (values < MAX_RELATIVE_LOSS * values[0])]
    return kept


def suggest_rate(rates: Sequence[float] | Array, losses: Sequence[float] | Array) -> float | None:
    """A tenth of the rate at which the smoothed loss of a range test is least.

    The test is L. N. Smith's ("Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3); to take a
    tenth of the rate of least loss is the rule of thumb of the fastai library's ``lr_find``.

    Returns:
        The rate; None where no loss is finite, or the loss fell by less than :data:`MIN_RELATIVE_FALL`.
    """
    sound = np.asarray(losses, float)[np.isfinite(losses)]
    if not len(sound):
        return None
    smooth = smooth_losses(sound)
    least = int(np.argmin(smooth))
    return float(rates[least]) / 10 if smooth[least] < (1 - MIN_RELATIVE_FALL) * smooth[0] else None
