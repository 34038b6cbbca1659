"""Incremental mean and spread of a quantity over logged runs, each of which has it at steps of its own."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from engine.analysis.alignment import Points, interpolated, logged_points, union_of_steps
from engine.analysis.statistics import mean_and_deviation
from engine.utils.arrays import Array
from gui.observations.growable_array import GrowableArray
from gui.observations.run import RunObservation
from gui.observations.statistics import copied


class _LoggedCurve:
    """The points of one run's curve so far."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._records = 0
        self._steps, self._values = GrowableArray(), GrowableArray()

    @property
    def points(self) -> Points:
        """Steps and values."""
        return self._steps.values, self._values.values

    def update(self, generation: int, steps: array[float], values: array[float]) -> float | None:
        """Add the records since the last call; return the step beyond which the curve is another, None if it is not."""
        last = self._steps.values[-1] if len(self._steps) else -np.inf
        if generation != self._generation or len(values) < self._records:
            self._generation, self._records, last = generation, 0, -np.inf
            self._steps.replace(0, np.empty(0))
            self._values.replace(0, np.empty(0))
        elif len(values) == self._records:
            return None
        new = slice(self._records, len(values))
        added = logged_points(copied(steps, new.start, new.stop), copied(values, new.start, new.stop))
        self._records = len(values)
        for growing, part in zip((self._steps, self._values), added, strict=True):
            growing.replace(len(growing), part)
        return float(last)


class AlignedCurve:
    """Statistics over runs by the rule of ``engine.analysis.alignment``, with the interface of ``RepeatedCurve``.

    ``mean``, ``deviation`` (sample standard deviation, 0 for fewer than two values), ``least``, ``greatest`` and
    ``count`` are floats of shape (steps,), at ``steps``; values that are not finite are excluded.
    """

    def __init__(self) -> None:
        self._runs: list[_LoggedCurve] = []
        self._changes: list[int] = []  # first position that each update changed
        self._parts = [GrowableArray() for _ in range(6)]

    @property
    def steps(self) -> Array:
        """Steps at which any run has a point."""
        return self._parts[0].values

    @property
    def mean(self) -> Array:
        """Mean over the runs; NaN if no run has a finite value."""
        return self._parts[1].values

    @property
    def deviation(self) -> Array:
        """Sample standard deviation over the runs."""
        return self._parts[2].values

    @property
    def least(self) -> Array:
        """Minimum over the runs."""
        return self._parts[3].values

    @property
    def greatest(self) -> Array:
        """Maximum over the runs."""
        return self._parts[4].values

    @property
    def count(self) -> Array:
        """Number of runs with a finite value."""
        return self._parts[5].values

    @property
    def version(self) -> int:
        """Number of changes so far."""
        return len(self._changes)

    def changed_since(self, version: int) -> int:
        """Return the first position changed since ``version``; the number of steps if none."""
        return min(self._changes[version:], default=len(self.mean))

    def points(self, place: int) -> Points:
        """Return the points of one run's curve, in the order of the runs: float64 [points] each."""
        return self._runs[place].points

    def update(self, runs: Sequence[RunObservation], curves: Sequence[array[float]]) -> None:
        """Update by the records since the last call.

        Args:
            runs: all runs of the variant.
            curves: the quantity for each run; empty where it was never logged.
        """
        if len(runs) < len(self._runs):
            self._runs = []
        self._runs += [_LoggedCurve() for _ in runs[len(self._runs) :]]
        changes = [
            known.update(run.generation, run.steps, curve)
            for known, run, curve in zip(self._runs, runs, curves, strict=True)
        ]
        after = min((change for change in changes if change is not None), default=None)
        if after is None:
            return
        kept = int(np.searchsorted(self.steps, after, "right"))
        added = self._compute(after)
        for growing, new in zip(self._parts, added, strict=True):
            growing.replace(kept, new)
        self._changes.append(kept)

    def _compute(self, after: float) -> tuple[Array, ...]:
        """Return steps, mean, deviation, minimum, maximum and count at the steps beyond ``after``."""
        curves = [run.points for run in self._runs]
        steps = union_of_steps(curves, after)
        table = np.array([interpolated(curve, steps) for curve in curves])
        table[~np.isfinite(table)] = np.nan
        mean, deviation = mean_and_deviation(table)
        return steps, mean, deviation, np.fmin.reduce(table), np.fmax.reduce(table), np.isfinite(table).sum(axis=0)
