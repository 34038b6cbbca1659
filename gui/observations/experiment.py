"""What the window knows of the experiment in front of it. Plain data: receiving is not drawing.

Events are taken as they arrive; the views read from here when their timer comes round.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from engine.analysis.styles import Style, styles
from engine.config.specs import ExperimentSpec
from engine.events.datasets import DatasetInfo
from engine.events.experiments import (
    ComputationStarted,
    Computed,
    ComputedPart,
    ExperimentFinished,
    ExperimentStarted,
    RunsAdded,
)
from engine.events.runs import (
    Intervention,
    InterventionKind,
    PlannedRun,
    Record,
    RunFinished,
    RunRestored,
    RunStarted,
    Status,
    Weights,
)
from engine.events.tasks import Event
from engine.utils.arrays import Array
from gui.observations.growable_array import GrowableArray
from gui.observations.statistics import RepeatedCurve, copied

OF_RECORDS = (
    "training_loss",
    "training_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)
QUANTITIES = (*OF_RECORDS, "gradient_norm", "dead_fraction")
# Numbers of a record that come one a layer that learns, or one an activation.
OF_LAYERS = ("gradient_norms", "update_ratios")
OF_ACTIVATIONS = ("dead_units", "activation_means", "activation_deviations")


@dataclass
class RunObservation:
    """One run as far as it was seen. Curves grow in place, one float64 a record.

    ``layer_curves`` has for each of :data:`OF_LAYERS` a float32 curve a layer, and for each of :data:`OF_ACTIVATIONS`
    one an activation.
    """

    planned: PlannedRun
    status: Status = Status.QUEUED
    reason: str = ""
    last: Record | None = None
    test_accuracy: float | None = None
    started: RunStarted | None = None
    finished: RunFinished | None = None
    weights: dict[str, Weights] = field(default_factory=dict)
    interventions: list[Intervention] = field(default_factory=list)
    layer_curves: dict[str, tuple[array[float], ...]] = field(default_factory=dict)
    steps: array[float] = field(default_factory=lambda: array("d"))
    curves: dict[str, array[float]] = field(default_factory=lambda: {name: array("d") for name in QUANTITIES})

    def add(self, record: Record) -> None:
        """Append a record to the curves."""
        self.last = record
        self.steps.append(record.step)
        for name in OF_RECORDS:
            self.curves[name].append(getattr(record, name))
        self.curves["gradient_norm"].append(record.gradient_norms[0])
        self.curves["dead_fraction"].append(sum(record.dead_units) / sum(self.units) if record.dead_units else math.nan)
        for name in (*OF_LAYERS, *OF_ACTIVATIONS):
            curves = self.layer_curves[name]
            for curve, value in zip(curves, getattr(record, name) or (math.nan,) * len(curves), strict=True):
                curve.append(value)

    def start(self, event: RunStarted) -> None:
        """Note that the run has begun, or goes on: then what was recorded after its checkpoint comes again."""
        self.status, self.started = Status.RUNNING, event
        kept = bisect_right(self.steps, event.after)
        if not kept:
            self.layer_curves = {name: tuple(array("f") for _ in event.layers) for name in OF_LAYERS}
            self.layer_curves |= {name: tuple(array("f") for _ in event.activations) for name in OF_ACTIVATIONS}
        for curve in (self.steps, *self.curves.values(), *chain(*self.layer_curves.values())):
            del curve[kept:]
        self._recall_last()

    def intervene(self, event: Intervention) -> None:
        """Note what was done by hand."""
        self.interventions.append(event)
        match event.kind:
            case InterventionKind.PAUSED:
                self.status = Status.PAUSED
            case InterventionKind.RESUMED:
                self.status = Status.RUNNING

    def finish(self, event: RunFinished) -> None:
        """Note how the run ended."""
        self.finished, self.status, self.reason = event, event.status, event.reason
        self.test_accuracy = event.test_accuracy

    @property
    def learning_rate(self) -> float | None:
        """The rate it learns with now: that of its last record, unless another was set since; None before either."""
        given = [done for done in self.interventions if done.value is not None]
        if given and (self.last is None or given[-1].step >= self.last.step):
            return given[-1].value
        return self.last.learning_rate if self.last is not None else None

    @property
    def has_rate_by_hand(self) -> bool:
        """Whether somebody changed its learning rate while it trained."""
        return any(done.kind is InterventionKind.LEARNING_RATE for done in self.interventions)

    def restore(self, event: RunRestored) -> None:
        """Take over all that is stored of the run."""
        if event.started is not None:
            self.start(event.started)
        if event.finished is not None:
            self.finish(event.finished)
        self.status = event.status
        self.weights = {weights.layer: weights for weights in event.weights}
        self.interventions = list(event.interventions)
        self.steps = array("d", event.curves["step"].tobytes())
        for name in OF_RECORDS:
            self.curves[name] = array("d", event.curves[name].tobytes())
        for name in (*OF_LAYERS, *OF_ACTIVATIONS):
            columns = event.layer_curves[name].T
            if len(columns):  # else there are no records yet, or they are older than these numbers
                self.layer_curves[name] = tuple(array("f", np.ascontiguousarray(each).tobytes()) for each in columns)
        self._derive(event)

    def _derive(self, event: RunRestored) -> None:
        """What a record's numbers are drawn as."""
        norms, dead = event.layer_curves["gradient_norms"], event.layer_curves["dead_units"]
        blank = np.full(len(self.steps), np.nan)
        first = norms[:, 0].astype(float) if norms.size else blank
        share = dead.sum(axis=1) / sum(self.units) if dead.size and self.units else blank
        self.curves["gradient_norm"] = array("d", first.tobytes())
        self.curves["dead_fraction"] = array("d", share.astype(float).tobytes())
        self._recall_last()

    def _recall_last(self) -> None:
        """The last record, from the curves."""
        self.last = None
        if self.steps and self.started is not None:
            step = int(self.steps[-1])
            values: dict[str, Any] = {name: self.curves[name][-1] for name in OF_RECORDS}
            values |= {name: tuple(curve[-1] for curve in self.layer_curves[name]) for name in OF_LAYERS}
            epoch = (step - 1) // self.started.steps_per_epoch + 1
            self.last = Record(run=self.planned.run, step=step, epoch=epoch, **values)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that learn; none before the run has begun."""
        return self.started.layers if self.started else ()

    @property
    def activations(self) -> tuple[str, ...]:
        """Names of the activations."""
        return self.started.activations if self.started else ()

    @property
    def units(self) -> tuple[int, ...]:
        """How many units or channels each activation has."""
        return self.started.units if self.started else ()

    @property
    def steps_per_epoch(self) -> float:
        """Optimiser steps of an epoch; of a run that is counted in steps, all its steps."""
        spec = self.planned.spec
        return self.planned.total_steps / (1 if spec.max_steps else spec.training.epochs)

    @property
    def progress(self) -> float:
        """Share of the run's steps made, 0 to 1."""
        if self.status is Status.FINISHED:
            return 1.0
        return self.last.step / self.planned.total_steps if self.last else 0.0

    @property
    def seconds_per_step(self) -> float | None:
        """Mean wall time of a step so far; None before the first record."""
        return self.last.seconds / self.last.step if self.last else None


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
    def counted(self) -> list[RunObservation]:
        """The runs that statistics are over, as in summary and report: see
        :attr:`~engine.analysis.results.VariantResult.counted`."""
        tested = [run for run in self.runs if run.test_accuracy is not None]
        finished = [run for run in tested if run.status is Status.FINISHED]
        return [run for run in finished if not run.has_rate_by_hand] or finished or tested

    @property
    def shown(self) -> RunObservation | None:
        """The run whose weights are worth showing: the best of those tested, else the first that began."""
        seen = [run for run in self.runs if run.weights]
        tested = [run for run in seen if run.test_accuracy is not None]
        return max(tested, key=lambda run: run.test_accuracy or 0.0) if tested else next(iter(seen), None)

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


class Observations:
    """Everything seen of the current experiment."""

    def __init__(self) -> None:
        self.experiment: int | None = None
        self.workers = 1
        self.runs: dict[int, RunObservation] = {}
        self.variants: dict[str, VariantObservation] = {}
        self.info: DatasetInfo | None = None  # of the experiment; several compared have none in common
        self._settings: dict[str, Any] = {}
        self.finished: ExperimentFinished | None = None
        self.parts: list[ComputedPart] = []
        self.computed: Computed | None = None

    def expect(self, spec: ExperimentSpec) -> None:
        """Note the settings of the experiment that is about to start."""
        self._settings = spec.model_dump()

    def take(self, event: Event) -> None:
        """Note what ``event`` says."""
        match event:
            case ExperimentStarted():
                self._start(event)
            case RunsAdded(runs):
                self._add(runs)
            case ComputationStarted(experiment):
                self._forget(experiment)
            case ComputedPart():
                self.parts.append(event)
            case Computed():
                self.computed = event
            case RunStarted(run=run):
                self.runs[run].start(event)
                self._changed(run)
            case Record(run=run):
                self.runs[run].add(event)
                self._changed(run)
            case Weights(run=run):
                self.runs[run].weights[event.layer] = event
                self._changed(run)
            case RunFinished(run=run):
                self.runs[run].finish(event)
                self._changed(run)
            case Intervention(run=run):
                self.runs[run].intervene(event)
                self._changed(run)
            case RunRestored(run=run):
                self.runs[run].restore(event)
                self._changed(run)
            case ExperimentFinished():
                self.finished = event

    @property
    def under_way(self) -> list[RunObservation]:
        """The runs that have begun and not ended."""
        return [run for run in self.runs.values() if run.status in (Status.RUNNING, Status.PAUSED)]

    @property
    def can_resume(self) -> bool:
        """Whether it has ended, is stored, and there is something left of it to carry out."""
        if self.experiment is None or self.finished is None:
            return False
        if any(run.status.can_resume for run in self.runs.values()):
            return True
        # What came to nothing before it was stored says nothing of what is shown.
        status = self.finished.status if self.finished.experiment == self.experiment else Status.FINISHED
        return status is Status.INTERRUPTED or (not self.runs and status.can_resume)

    def setting(self, key: str) -> Any:
        """A setting of the experiment under way; None where it has no such setting."""
        return self._settings.get(key)

    @property
    def progress(self) -> float:
        """Share of all steps of all runs made, 0 to 1; runs that ended early count as done."""
        total = sum(run.planned.total_steps for run in self.runs.values())
        done = sum(
            run.planned.total_steps * (1.0 if run.status.is_final else run.progress) for run in self.runs.values()
        )
        return done / total if total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated wall time until the last run ends, from the speed of each variant; None before any record."""
        speeds = {name: speed for name, v in self.variants.items() if (speed := _speed(v)) is not None}
        if not speeds:
            return None
        typical = sum(speeds.values()) / len(speeds)
        left = sum(
            run.planned.total_steps * (1 - run.progress) * speeds.get(run.planned.spec.variant, typical)
            for run in self.runs.values()
            if not run.status.is_final
        )
        longest = max((self.run_seconds_left(run) or 0.0 for run in self.runs.values()), default=0.0)
        return max(left / self.workers, longest)

    def run_seconds_left(self, run: RunObservation) -> float | None:
        """Estimated time left of one run that is under way."""
        if run.status.is_final or run.status is Status.QUEUED or run.seconds_per_step is None:
            return None
        return run.planned.total_steps * (1 - run.progress) * run.seconds_per_step

    def _start(self, event: ExperimentStarted) -> None:
        self._forget(event.experiment)
        self.workers, self.info = event.workers, event.info
        self._add(event.runs)

    def _forget(self, experiment: int) -> None:
        self.experiment = experiment
        self.finished = None
        self.runs, self.variants = {}, {}
        self.parts, self.computed = [], None

    def _add(self, runs: tuple[PlannedRun, ...]) -> None:
        self.runs |= {planned.run: RunObservation(planned) for planned in runs}
        drawn = styles(run.planned.spec for run in self.runs.values())
        for planned in runs:
            name = planned.spec.variant
            variant = self.variants.setdefault(name, VariantObservation(name, drawn[name], info=self.info))
            variant.runs.append(self.runs[planned.run])

    def _variant(self, run: int) -> VariantObservation:
        return self.variants[self.runs[run].planned.spec.variant]

    def _changed(self, run: int) -> None:
        self._variant(run).changes += 1


def _speed(variant: VariantObservation) -> float | None:
    speeds = list(_speeds(variant))
    return sum(speeds) / len(speeds) if speeds else None


def _speeds(variant: VariantObservation) -> Iterator[float]:
    return (speed for run in variant.runs if (speed := run.seconds_per_step) is not None)
