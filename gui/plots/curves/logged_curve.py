"""One quantity of one variant of logged runs in a plot, drawn through its own points."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from engine.analysis.alignment import interpolated
from engine.analysis.smoothing import exponential_average
from engine.utils.arrays import Array
from gui.observations.run import RunObservation
from gui.observations.statistics import copied
from gui.observations.variant import VariantObservation
from gui.plots.curves.curve import Curve, Series
from gui.plots.curves.decimation import LineData, band_edges
from gui.plots.curves.options import Horizontal, Repeats


class LoggedCurve(Curve):
    """A curve whose lines connect the steps at which the quantity was logged; the mean as in ``AlignedCurve``.

    Points without a place on the axis are left out: all of them on an axis of epochs if the steps of an epoch are
    unknown, those of unknown time on an axis of time.
    """

    def __init__(self, plot: pg.PlotWidget, series: Series, variant: VariantObservation, label: str) -> None:
        self._steps: list[Array] = []
        self._seen: list[tuple[int, int]] = []  # generation and number of points of each run's line
        super().__init__(plot, series, variant, label)

    def _clear(self) -> None:
        super()._clear()
        self._steps, self._seen = [], []

    @property
    def _has_axis(self) -> bool:
        return bool(np.isfinite(self.x_scale))

    def _update_mean(self, logarithmic: bool) -> None:
        if not self._has_axis:
            self._clear()
            return
        quantity, on_time = self.series.quantity, self._options.horizontal is Horizontal.TIME
        curve = self.variant.aligned(quantity)
        versions = (curve.version, self.variant.aligned("seconds").version if on_time else 0)
        if versions == self._versions:
            return
        # With another clock any point may have moved.
        first = curve.changed_since(self._versions[0]) if self._versions and not on_time else 0
        self._versions = versions
        if not self._lines:
            self._lines, self._steps = [LineData()], [np.empty(0)]
        x = np.fmax.accumulate(self.variant.seconds_of(quantity)) if on_time else curve.steps
        kept = np.isfinite(self.variant.seconds_of(quantity)) if on_time else slice(None)
        self._steps[0] = curve.steps[kept]
        self._lines[0].update(x[kept], curve.mean[kept], first, self._smoothing)
        if self.banded and self._options.repeats is not Repeats.MEAN and len(self.variant.runs) > 1:
            edges = band_edges(curve, 0, self._options.repeats, logarithmic)
            low, high = (exponential_average(edge[kept], self._smoothing, np.empty(0)) for edge in edges)
            self._band.update(x[kept], low, high, first)

    def _update_runs(self) -> None:
        if not self._has_axis:
            self._clear()
            return
        curve = self.variant.aligned(self.series.quantity)
        for place, run in enumerate(self.variant.runs):
            if place == len(self._lines):
                self._lines.append(LineData())
                self._steps.append(np.empty(0))
                self._seen.append((run.generation, 0))
            steps, values = curve.points(place)
            seen, self._seen[place] = self._seen[place], (run.generation, len(steps))
            if seen != self._seen[place]:
                self._update_run(place, run, steps, values, 0 if seen[0] != run.generation else seen[1])

    def _update_run(self, place: int, run: RunObservation, steps: Array, values: Array, first: int) -> None:
        x, kept = steps, np.full(len(steps), True)
        if self._options.horizontal is Horizontal.TIME:
            seconds = interpolated((copied(run.steps), copied(run.curves["seconds"])), steps)
            x, kept, first = np.fmax.accumulate(seconds), np.isfinite(seconds), 0
        self._steps[place] = steps[kept]
        drawn = np.where(np.isfinite(values), values, np.nan)
        self._lines[place].update(x[kept], drawn[kept], first, self._smoothing)

    def _steps_of_line(self, place: int) -> Array:
        return self._steps[place]

    def _place_of(self, step: float, _at: int) -> int:
        return int(np.searchsorted(self.variant.aligned(self.series.quantity).steps, step))

    def _seconds_at(self, place: int, at: int) -> float:
        step = float(self._steps[place][at])
        if self._options.repeats is Repeats.RUNS:
            run = self.variant.runs[place]
            return run.curves["seconds"][int(np.searchsorted(copied(run.steps), step))]
        clock = self.variant.aligned("seconds")
        return float(interpolated((clock.steps, clock.mean), np.array([step]))[0])
