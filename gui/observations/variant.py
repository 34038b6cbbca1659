"""The runs of one variant, and statistics over them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.analysis.statistics import accuracies_of, best_run, counted_runs
from engine.analysis.styles import Style
from engine.events.datasets import DatasetInfo
from engine.utils.arrays import Array
from gui.observations.growable_array import GrowableArray
from gui.observations.run import OF_LAYERS, RunObservation
from gui.observations.statistics import RepeatedCurve, copied


@dataclass
class VariantObservation:
    """The runs of one variant; ``changes`` counts what came in, so that a view can tell whether to draw again."""

    name: str
    style: Style
    runs: list[RunObservation] = field(default_factory=list)
    info: DatasetInfo | None = None  # what its runs are trained on: in a comparison not the same for all
    changes: int = 0
    _statistics: dict[str, RepeatedCurve] = field(default_factory=dict)
    _steps: GrowableArray = field(default_factory=GrowableArray)

    @property
    def is_probe(self) -> bool:
        """Whether its runs only find settings for others."""
        return self.runs[0].planned.spec.probe

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes its networks tell apart; none where nothing is known of the data."""
        return self.info.class_names if self.info else ()

    @property
    def counted_runs(self) -> list[RunObservation]:
        """The runs that statistics are over; see ``engine.analysis.statistics.counted_runs``."""
        return counted_runs(self.runs)

    @property
    def test_accuracies(self) -> list[float]:
        """Test accuracies (fractions) of the counted runs."""
        return accuracies_of(self.counted_runs)

    @property
    def shown(self) -> RunObservation | None:
        """The run whose weights are worth showing: the best of those tested, else the first that began."""
        seen = [run for run in self.runs if run.weights]
        return best_run(seen) or next(iter(seen), None)

    def curve(self, quantity: str) -> RepeatedCurve:
        """Statistics of a quantity over the runs so far. Only what is new since the last call is computed."""
        curve = self._statistics.setdefault(quantity, RepeatedCurve())
        curve.update([run.curves[quantity] for run in self.runs])
        return curve

    @property
    def steps(self) -> Array:
        """The steps of the records of all runs, float64 [records].

        Runs of one variant are recorded at the same steps, so a shorter one is the beginning of a longer one.
        """
        longest = max((run.steps for run in self.runs), key=len)
        known = min(len(self._steps), len(longest))
        self._steps.replace(known, copied(longest, known))
        return self._steps.values

    @property
    def steps_per_epoch(self) -> float:
        """Optimiser steps of an epoch, the last batch of the epoch included."""
        return self.runs[0].steps_per_epoch

    def mean(self, quantity: str) -> tuple[Array, Array, Array, Array]:
        """Steps, mean over the runs, deviation and number of runs: float [records] each."""
        curve = self.curve(quantity)
        return self.steps, curve.mean, curve.deviation, curve.count

    def mean_layers(self, quantity: str) -> tuple[tuple[str, ...], Array, Array]:
        """Names, steps float64 [records], and means over the runs, float64 [layers or activations, records].

        ``quantity`` is one of :data:`OF_LAYERS` or :data:`OF_ACTIVATIONS`.
        """
        started = [run for run in self.runs if run.steps]
        if not started:
            return (), np.empty(0), np.empty((0, 0))
        names = started[0].layers if quantity in OF_LAYERS else started[0].activations
        curves = [self._statistics.setdefault(f"{quantity}_{row}", RepeatedCurve()) for row in range(len(names))]
        for row, curve in enumerate(curves):
            curve.update([run.layer_curves[quantity][row] for run in started])
        return names, self.steps, np.array([curve.mean for curve in curves])
