"""Where a curve of accuracy stops rising."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.arrays import Array


def epoch_means(epochs: Sequence[int], values: Sequence[float], count: int) -> Array:
    """Mean of the values of each epoch (epochs count from 1): float64 [count], NaN for an epoch without any."""
    chosen = np.asarray(epochs)
    return np.array(
        [np.mean(np.asarray(values)[chosen == e]) if (chosen == e).any() else np.nan for e in range(1, count + 1)]
    )


def find_plateau(accuracies: Array, start: int, patience: int, delta: float) -> int:
    """The epoch (from 1) after which ``accuracies`` (one an epoch) stop rising, looking at those after ``start`` alone.

    An epoch rises if it exceeds the best before it by more than ``delta``. Once ``patience`` epochs in a row don't, the
    plateau begins after the last that did; if that never happens, after the last that did at all.
    """
    best, last_rise = -np.inf, start + 1
    for epoch in range(start + 1, len(accuracies) + 1):
        if accuracies[epoch - 1] > best + delta:
            best, last_rise = accuracies[epoch - 1], epoch
        elif epoch - last_rise >= patience:
            break
    return last_rise
