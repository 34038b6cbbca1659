"""Which runs count, and means and spreads over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Protocol, TypeVar

import numpy as np

from engine.events.runs import Status
from engine.utils.arrays import Array


class EndedRun(Protocol):
    """What decides whether a run counts."""

    @property
    def status(self) -> Status:
        """How it ended."""

    @property
    def test_accuracy(self) -> float | None:
        """A fraction; None where it was not tested."""

    @property
    def has_records(self) -> bool:
        """Whether it came to its first record."""

    @property
    def has_manual_rate(self) -> bool:
        """Whether somebody changed its learning rate while it trained."""


Run = TypeVar("Run", bound=EndedRun)


def counted_runs(runs: Iterable[Run]) -> list[Run]:
    """Those of one variant's ``runs`` that statistics are over, in the window as in the report.

    These are the runs tested after all epochs by their settings alone. Where there is none, those whose learning rate
    was changed by hand; else those stopped early. A run that recorded nothing never counts.
    """
    tested = [run for run in runs if run.test_accuracy is not None and run.has_records]
    finished = [run for run in tested if run.status is Status.FINISHED]
    return [run for run in finished if not run.has_manual_rate] or finished or tested


def best_run(runs: Iterable[Run]) -> Run | None:
    """The one of best test accuracy, the earliest of equals; None where none was tested."""
    tested = [run for run in runs if run.test_accuracy is not None]
    return max(tested, key=lambda run: run.test_accuracy or 0.0, default=None)


def accuracies_of(runs: Iterable[EndedRun]) -> list[float]:
    """Test accuracies (fractions) of those of ``runs`` that were tested."""
    return [run.test_accuracy for run in runs if run.test_accuracy is not None]


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


def time_to_target(
    epochs: Sequence[float], seconds: Sequence[float], accuracies: Sequence[float], target: float
) -> tuple[float, float] | None:
    """Epochs and seconds at the first record whose accuracy reaches ``target``; None if none does."""
    first = next((position for position, accuracy in enumerate(accuracies) if accuracy >= target), None)
    return None if first is None else (epochs[first], seconds[first])


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """``best``, ``mean`` and sample standard deviation ``std`` (None for fewer than two values)."""
    if not values:
        return {"best": None, "mean": None, "std": None}
    return {"best": max(values), "mean": fmean(values), "std": stdev(values) if len(values) > 1 else None}


def mean_in_percent(fractions: Sequence[float], digits: int = 2) -> str:
    """Mean and sample standard deviation, such as ``93.41 ± 0.20 %``; without the latter where there is one value.

    Nothing for none.
    """
    found = spread(fractions)
    mean, deviation = found["mean"], found["std"]
    if mean is None:
        return ""
    beside = "" if deviation is None else f" ± {100 * deviation:.{digits}f}"
    return f"{100 * mean:.{digits}f}{beside} %"
