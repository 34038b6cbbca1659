"""Runs of one variant and statistics over them."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

import numpy as np

from engine.analysis.alignment import interpolated
from engine.analysis.statistics import accuracies_of, best_run, counted_runs
from engine.analysis.styles import Style
from engine.events.datasets import DatasetInfo
from engine.utils.arrays import Array
from gui.observations.aligned import AlignedCurve
from gui.observations.growable_array import GrowableArray
from gui.observations.run import LAYER_FIELDS, RunObservation
from gui.observations.statistics import RepeatedCurve, copied

_NONE = array("d")  # of a quantity that a run never logged


@dataclass
class VariantObservation:
    """The runs of one variant; ``changes`` counts their updates, so that a view can tell whether to redraw."""

    name: str
    style: Style
    runs: list[RunObservation] = field(default_factory=list)
    info: DatasetInfo | None = None  # data set of its runs; may differ between compared variants
    changes: int = 0
    _statistics: dict[str, RepeatedCurve] = field(default_factory=dict)
    _aligned: dict[str, AlignedCurve] = field(default_factory=dict)
    _steps: GrowableArray = field(default_factory=GrowableArray)

    @property
    def is_probe(self) -> bool:
        """Whether its runs are probes, which only find settings for other runs."""
        return self.runs[0].planned.spec.probe

    @property
    def is_logged(self) -> bool:
        """Whether another program trains and logs its runs, each at steps of its own."""
        return self.runs[0].planned.is_logged

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

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the further numbers of logged runs."""
        return tuple(sorted({name for run in self.runs for name in run.metrics}))

    def curve(self, quantity: str) -> RepeatedCurve | AlignedCurve:
        """Return statistics of a quantity over the runs; only records since the last call are computed."""
        if self.is_logged:
            return self.aligned(quantity)
        curve = self._statistics.setdefault(quantity, RepeatedCurve())
        curve.update([run.curves[quantity] for run in self.runs], [run.generation for run in self.runs])
        return curve

    def aligned(self, quantity: str) -> AlignedCurve:
        """Return statistics of a quantity over logged runs."""
        curve = self._aligned.setdefault(quantity, AlignedCurve())
        curve.update(self.runs, [run.curves.get(quantity, _NONE) for run in self.runs])
        return curve

    @property
    def steps(self) -> Array:
        """Steps of the records of the longest run, float64, shape (records,).

        Runs of one variant are recorded at the same steps, so those of a shorter run are a prefix. This does not hold
        of logged runs, for which see ``steps_of``.
        """
        longest = max((run.steps for run in self.runs), key=len)
        known = min(len(self._steps), len(longest))
        self._steps.replace(known, copied(longest, known))
        return self._steps.values

    def steps_of(self, quantity: str) -> Array:
        """Return the steps of ``curve``, float64, shape (records,)."""
        return self.aligned(quantity).steps if self.is_logged else self.steps

    def seconds_of(self, quantity: str) -> Array:
        """Return the mean training time at ``steps_of``: float64, shape (records,); NaN where it is unknown."""
        if not self.is_logged:
            return self.curve("seconds").mean
        clock = self.aligned("seconds")
        return interpolated((clock.steps, clock.mean), self.steps_of(quantity))

    @property
    def steps_per_epoch(self) -> float:
        """Optimiser steps per epoch, including the last, possibly smaller batch.

        NaN where a logged run did not tell them, or they are not the same in all runs: there is then no axis of epochs.
        """
        first, *others = (run.steps_per_epoch for run in self.runs)
        return first if not self.is_logged or all(each == first for each in others) else math.nan

    def mean(self, quantity: str) -> tuple[Array, Array, Array, Array]:
        """Return steps, mean over the runs, deviation and number of runs, shape (records,) each."""
        curve = self.curve(quantity)
        return self.steps_of(quantity), curve.mean, curve.deviation, curve.count

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
        if self.is_logged:
            return self._mean_logged_layers(quantity)
        names = started[0].layers if quantity in LAYER_FIELDS else started[0].activations
        curves = [self._statistics.setdefault(f"{quantity}_{row}", RepeatedCurve()) for row in range(len(names))]
        for row, curve in enumerate(curves):
            curve.update([run.layer_curves[quantity][row] for run in started], [run.generation for run in started])
        return names, self.steps, np.array([curve.mean for curve in curves])

    def _mean_logged_layers(self, quantity: str) -> tuple[tuple[str, ...], Array, Array]:
        """Return the same for logged runs: means of each layer at its own steps, NaN at those of other layers."""
        each = [run.layers if quantity in LAYER_FIELDS else run.activations for run in self.runs]
        names = tuple(dict.fromkeys(name for layers in each for name in layers))
        found: list[AlignedCurve] = []
        for name in names:
            curve = self._aligned.setdefault(f"{quantity}_{name}", AlignedCurve())
            rows = [run.layer_curves.get(quantity, ()) for run in self.runs]
            pairs = zip(each, rows, strict=True)
            curve.update(self.runs, [row[of.index(name)] if row and name in of else _NONE for of, row in pairs])
            found.append(curve)
        steps = np.unique(np.concatenate([curve.steps for curve in found])) if found else np.empty(0)
        means = np.full((len(names), len(steps)), np.nan)
        for row, curve in zip(means, found, strict=True):
            row[np.searchsorted(steps, curve.steps)] = curve.mean
        return names, steps, means
