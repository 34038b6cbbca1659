"""Runs of one variant and statistics over them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.analysis.statistics import accuracies_of, best_run, counted_runs
from engine.analysis.styles import Style
from engine.events.datasets import DatasetInfo
from engine.utils.arrays import Array
from gui.observations.growable_array import GrowableArray
from gui.observations.run import LAYER_FIELDS, RunObservation
from gui.observations.statistics import RepeatedCurve, copied


@dataclass
class VariantObservation:
    """The runs of one variant; ``changes`` counts their updates, so that a view can tell whether to redraw."""

    name: str
    style: Style
    runs: list[RunObservation] = field(default_factory=list)
    info: DatasetInfo | None = None  # data set of its runs; may differ between compared variants
    changes: int = 0
    _statistics: dict[str, RepeatedCurve] = field(default_factory=dict)
    _steps: GrowableArray = field(default_factory=GrowableArray)

    @property
    def is_probe(self) -> bool:
        """Whether its runs are probes, which only find settings for other runs."""
        return self.runs[0].planned.spec.probe

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names of its data set; empty if unknown."""
        return self.info.class_names if self.info else ()

    @property
    def counted_runs(self) -> list[RunObservation]:
        """The runs included in statistics; see ``engine.analysis.statistics.counted_runs``."""
        return counted_runs(self.runs)

    @property
    def test_accuracies(self) -> list[float]:
        """Test accuracies (fractions) of the counted runs."""
        return accuracies_of(self.counted_runs)

    @property
    def shown(self) -> RunObservation | None:
        """The run whose weights are shown: the best tested one with weights, else the first one with weights."""
        seen = [run for run in self.runs if run.weights]
        return best_run(seen) or next(iter(seen), None)

    def curve(self, quantity: str) -> RepeatedCurve:
        """Return statistics of a quantity over the runs; only records since the last call are computed."""
        curve = self._statistics.setdefault(quantity, RepeatedCurve())
        curve.update([run.curves[quantity] for run in self.runs])
        return curve

    @property
    def steps(self) -> Array:
        """Steps of the records of the longest run, float64, shape (records,).

        Runs of one variant are recorded at the same steps, so those of a shorter run are a prefix.
        """
        longest = max((run.steps for run in self.runs), key=len)
        known = min(len(self._steps), len(longest))
        self._steps.replace(known, copied(longest, known))
        return self._steps.values

    @property
    def steps_per_epoch(self) -> float:
        """Optimiser steps per epoch, including the last, possibly smaller batch."""
        return self.runs[0].steps_per_epoch

    def mean(self, quantity: str) -> tuple[Array, Array, Array, Array]:
        """Return steps, mean over the runs, deviation and number of runs, shape (records,) each."""
        curve = self.curve(quantity)
        return self.steps, curve.mean, curve.deviation, curve.count

    def mean_layers(self, quantity: str) -> tuple[tuple[str, ...], Array, Array]:
        """Return the means over the runs of a quantity with one value per layer or activation.

        Args:
            quantity: one of ``LAYER_FIELDS`` or ``ACTIVATION_FIELDS``.

        Returns:
            Names of the layers or activations; steps, float64, shape (records,); means, float64, shape
            (names, records).
        """
        started = [run for run in self.runs if run.steps]
        if not started:
            return (), np.empty(0), np.empty((0, 0))
        names = started[0].layers if quantity in LAYER_FIELDS else started[0].activations
        curves = [self._statistics.setdefault(f"{quantity}_{row}", RepeatedCurve()) for row in range(len(names))]
        for row, curve in enumerate(curves):
            curve.update([run.layer_curves[quantity][row] for run in started])
        return names, self.steps, np.array([curve.mean for curve in curves])
