"""Means and spreads over repeats."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev

import numpy as np

from engine.utils.arrays import Array


def mean_and_deviation(curves: Array) -> tuple[Array, Array]:
    """Mean and sample standard deviation of each column of float [runs, records], NaN entries left out.

    The deviation is 0 where fewer than two runs have a value; a column without any is NaN in the mean.
    """
    valid = np.isfinite(curves)
    count = valid.sum(axis=0)
    filled = np.where(valid, curves, 0.0)
    mean = np.where(count > 0, filled.sum(axis=0) / np.maximum(count, 1), np.nan)
    squares = np.where(valid, (curves - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(count - 1, 1))


def soonness(
    epochs: Sequence[float], seconds: Sequence[float], accuracies: Sequence[float], target: float
) -> tuple[float, float] | None:
    """Epochs and seconds at the first record whose accuracy reaches ``target``; None if none does."""
    first = next((position for position, accuracy in enumerate(accuracies) if accuracy >= target), None)
    return None if first is None else (epochs[first], seconds[first])


def spread(values: list[float]) -> dict[str, float | None]:
    """``best``, ``mean`` and sample standard deviation ``std`` (None for fewer than two values)."""
    if not values:
        return {"best": None, "mean": None, "std": None}
    return {"best": max(values), "mean": fmean(values), "std": stdev(values) if len(values) > 1 else None}
