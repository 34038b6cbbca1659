"""The rule for which runs enter statistics, and means and deviations over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Protocol, TypeVar

import numpy as np

from engine.events.runs import Status
from engine.utils.arrays import Array


class EndedRun(Protocol):
    """The properties that decide whether a run is included in statistics."""

    @property
    def status(self) -> Status:
        """Status of the run."""

    @property
    def test_accuracy(self) -> float | None:
        """Test accuracy (fraction); None if the run was not tested."""

    @property
    def has_records(self) -> bool:
        """Whether the run has at least one record."""

    @property
    def has_manual_rate(self) -> bool:
        """Whether the learning rate was changed by hand during training."""


Run = TypeVar("Run", bound=EndedRun)


def counted_runs(runs: Iterable[Run]) -> list[Run]:
    """Select the runs of one variant that are included in statistics, in the window as in the report.

    These are the tested runs that finished, by early stopping too, without a manual change of the learning rate; if
    there is none, the finished runs with such a change; if there is none either, the tested runs that the user stopped.
    Runs without records are never included.
    """
    tested = [run for run in runs if run.test_accuracy is not None and run.has_records]
    finished = [run for run in tested if run.status is Status.FINISHED]
    return [run for run in finished if not run.has_manual_rate] or finished or tested


def best_run(runs: Iterable[Run]) -> Run | None:
    """Return the run with the best test accuracy, the first one on a tie; None if none was tested."""
    tested = [run for run in runs if run.test_accuracy is not None]
    return max(tested, key=lambda run: run.test_accuracy or 0.0, default=None)


def accuracies_of(runs: Iterable[EndedRun]) -> list[float]:
    """Return the test accuracies (fractions) of the tested runs."""
    return [run.test_accuracy for run in runs if run.test_accuracy is not None]


def mean_and_deviation(curves: Array) -> tuple[Array, Array]:
    """Compute mean and sample standard deviation of each column, ignoring values that are not finite.

    Args:
        curves: float [runs, records].

    Returns:
        Two arrays, float [records]: the mean, NaN for a column without values, and the deviation, 0 for fewer than two.
    """
    valid = np.isfinite(curves)
    count = valid.sum(axis=0)
    filled = np.where(valid, curves, 0.0)
    mean = np.where(count > 0, filled.sum(axis=0) / np.maximum(count, 1), np.nan)
    squares = np.where(valid, (curves - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(count - 1, 1))


def time_to_target(
    epochs: Sequence[float], seconds: Sequence[float], accuracies: Sequence[float], target: float
) -> tuple[float, float] | None:
    """Return epochs and seconds at the first record whose accuracy reaches ``target``; None if none does."""
    first = next((position for position, accuracy in enumerate(accuracies) if accuracy >= target), None)
    return None if first is None else (epochs[first], seconds[first])


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Compute ``best``, ``mean`` and sample standard deviation ``std``, which is None for fewer than two values."""
    if not values:
        return {"best": None, "mean": None, "std": None}
    return {"best": max(values), "mean": fmean(values), "std": stdev(values) if len(values) > 1 else None}


def mean_in_percent(fractions: Sequence[float], digits: int = 2) -> str:
    """Format mean and sample standard deviation as ``93.41 ± 0.20 %``.

    The deviation is left out for a single value; without values the text is empty.
    """
    statistics = spread(fractions)
    mean, deviation = statistics["mean"], statistics["std"]
    if mean is None:
        return ""
    plus_minus = "" if deviation is None else f" ± {100 * deviation:.{digits}f}"
    return f"{100 * mean:.{digits}f}{plus_minus} %"
