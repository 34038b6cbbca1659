"""State of one run as received so far."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np

from engine.config.logged_runs import LoggedRunSpec
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

RECORD_FIELDS = (
    "training_loss",
    "training_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "seconds",
)
QUANTITIES = (*RECORD_FIELDS, "gradient_norm", "dead_fraction")
# A curve of a logged run alone: the update-to-weight ratio of its first layer.
UPDATE_RATIO = "update_ratio"
METRIC = "metric "  # before the name of a further number of a logged run, which could be that of another quantity
# Fields of a record with one value per trainable layer, and with one per activation.
LAYER_FIELDS = ("gradient_norms", "update_ratios")
ACTIVATION_FIELDS = ("dead_units", "activation_means", "activation_deviations")


@dataclass
class RunObservation:
    """One run as received so far.

    ``curves`` grow in place by one float64 per record; those of a logged run are NaN at records without the number,
    and there are further ones: ``UPDATE_RATIO``, and one for each of ``metrics``. ``layer_curves`` has one float32
    curve per layer for each of ``LAYER_FIELDS``, and one per activation for each of ``ACTIVATION_FIELDS``.

    Attributes:
        generation: increased whenever curves were replaced, rather than only added to.
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
    generation: int = 0
    _latest: dict[str, float] = field(default_factory=dict)  # of a logged run

    def add(self, record: Record) -> None:
        """Append a record to the curves."""
        self.last = record
        self.steps.append(record.step)
        for name in RECORD_FIELDS:
            self.curves[name].append(getattr(record, name))
        self.curves["gradient_norm"].append(record.gradient_norms[0] if record.gradient_norms else math.nan)
        self.curves["dead_fraction"].append(sum(record.dead_units) / sum(self.units) if record.dead_units else math.nan)
        if self.planned.is_logged:
            self._add_logged(record)
        for name in (*LAYER_FIELDS, *ACTIVATION_FIELDS):
            curves = self.layer_curves.get(name, ())
            for curve, value in zip(curves, getattr(record, name) or (math.nan,) * len(curves), strict=True):
                curve.append(value)

    def _add_logged(self, record: Record) -> None:
        """Append to the curves that only a logged run has; one that begins now is NaN before."""
        values = {metric_quantity(name): value for name, value in record.metrics}
        values[UPDATE_RATIO] = record.update_ratios[0] if record.update_ratios else math.nan
        for name in values.keys() - self.curves.keys():
            self.curves[name] = array("d", [math.nan]) * (len(self.steps) - 1)
        for name in self.curves.keys() - set(QUANTITIES):
            self.curves[name].append(values.get(name, math.nan))
        for name in RECORD_FIELDS:
            if not math.isnan(value := getattr(record, name)):
                self._latest[name] = value

    def start(self, event: RunStarted) -> None:
        """Record that the run has started or resumed; records after its checkpoint are dropped, as they come again."""
        self.status, self.started = Status.RUNNING, event
        if self.planned.is_logged:  # a script may go on with a run that had finished
            self.finished, self.reason, self.test_accuracy = None, "", None
        kept = bisect_right(self.steps, event.after)
        self.generation += kept < len(self.steps)
        if not kept:
            self.layer_curves = {name: tuple(array("f") for _ in event.layers) for name in LAYER_FIELDS}
            self.layer_curves |= {name: tuple(array("f") for _ in event.activations) for name in ACTIVATION_FIELDS}
        for curve in (self.steps, *self.curves.values(), *chain(*self.layer_curves.values())):
            del curve[kept:]
        self._update_last()

    def intervene(self, event: Intervention) -> None:
        """Record a user intervention."""
        self.interventions.append(event)
        match event.kind:
            case InterventionKind.PAUSED:
                self.status = Status.PAUSED
            case InterventionKind.RESUMED:
                self.status = Status.RUNNING

    def finish(self, event: RunFinished) -> None:
        """Record how the run ended."""
        self.finished, self.status, self.reason = event, event.status, event.reason
        self.test_accuracy = event.test_accuracy

    @property
    def learning_rate(self) -> float | None:
        """Current learning rate: the last recorded one, unless the user set another since; None before either."""
        given = [done for done in self.interventions if done.value is not None]
        if given and (self.last is None or given[-1].step >= self.last.step):
            return given[-1].value
        return self.latest("learning_rate")

    def latest(self, quantity: str) -> float | None:
        """Return the last value of one of ``RECORD_FIELDS``, of a logged run the last one logged; None without any."""
        if self.planned.is_logged:
            return self._latest.get(quantity)
        return None if self.last is None else getattr(self.last, quantity)

    def tested(self, quantity: str) -> float | None:
        """Return the last value of a quantity, of the epoch whose weights were kept if it is not the last one."""
        if self.finished is None or self.finished.kept is None:
            return self.latest(quantity)
        records = bisect_right(self.steps, self.finished.kept.step)
        return self.curves[quantity][records - 1] if records else None

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the further numbers of a logged run, in the order of their quantities."""
        return tuple(sorted(name.removeprefix(METRIC) for name in self.curves if name.startswith(METRIC)))

    @property
    def has_records(self) -> bool:
        """Whether there is any record."""
        return bool(self.steps)

    @property
    def has_manual_rate(self) -> bool:
        """Whether the user changed the learning rate while it trained."""
        return any(done.kind is InterventionKind.LEARNING_RATE for done in self.interventions)

    def restore(self, event: RunRestored) -> None:
        """Load all that is stored of the run, in place of what was known of it."""
        self.finished, self.reason, self.test_accuracy = None, "", None
        if event.started is not None:
            self.start(event.started)
        if event.finished is not None:
            self.finish(event.finished)
        self.status = event.status
        self.weights = {weights.layer: weights for weights in event.weights}
        self.interventions = list(event.interventions)
        self.generation += 1
        self.steps = array("d", event.curves["step"].tobytes())
        for name in RECORD_FIELDS:
            self.curves[name] = array("d", event.curves[name].tobytes())
        for name in (*LAYER_FIELDS, *ACTIVATION_FIELDS):
            columns = event.layer_curves[name].T
            if len(columns):  # empty without records, and for records from before these fields existed
                self.layer_curves[name] = tuple(array("f", np.ascontiguousarray(each).tobytes()) for each in columns)
            elif self.planned.is_logged:
                blank = array("f", [math.nan]) * len(self.steps)
                self.layer_curves[name] = tuple(blank[:] for _ in self.layer_curves.get(name, ()))
        self._compute_derived(event)

    def _compute_derived(self, event: RunRestored) -> None:
        """Compute the curves that are not stored: those of the first layer, and fraction of dead units."""
        norms, dead = event.layer_curves["gradient_norms"], event.layer_curves["dead_units"]
        blank = np.full(len(self.steps), np.nan)
        first = norms[:, 0].astype(float) if norms.size else blank
        if self.planned.is_logged:
            ratios = event.layer_curves["update_ratios"]
            further = {metric_quantity(name): values for name, values in event.metrics.items()}
            further[UPDATE_RATIO] = ratios[:, 0] if ratios.size else blank
            self.curves = {name: self.curves[name] for name in QUANTITIES}
            self.curves |= {name: array("d", values.astype(float).tobytes()) for name, values in further.items()}
        share = dead.sum(axis=1) / sum(self.units) if dead.size and self.units else blank
        self.curves["gradient_norm"] = array("d", first.tobytes())
        self.curves["dead_fraction"] = array("d", share.astype(float).tobytes())
        self._update_last()

    def _update_last(self) -> None:
        """Rebuild the last record from the curves."""
        self.last = None
        if self.steps and (self.started is not None or self.planned.is_logged):
            step = int(self.steps[-1])
            values: dict[str, Any] = {name: self.curves[name][-1] for name in RECORD_FIELDS}
            values |= {name: tuple(curve[-1] for curve in self.layer_curves.get(name, ())) for name in LAYER_FIELDS}
            per_epoch = self.started.steps_per_epoch if self.started is not None else 0
            epoch = (step - 1) // per_epoch + 1 if per_epoch else 0
            self.last = Record(run=self.planned.run, step=step, epoch=epoch, **values)
        if self.planned.is_logged:
            logged = ((name, np.array(self.curves[name])) for name in RECORD_FIELDS)
            kept = ((name, values[~np.isnan(values)]) for name, values in logged)
            self._latest = {name: float(values[-1]) for name, values in kept if len(values)}

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the trainable layers; empty before the run has started."""
        return self.started.layers if self.started else ()

    @property
    def activations(self) -> tuple[str, ...]:
        """Names of the activations."""
        return self.started.activations if self.started else ()

    @property
    def units(self) -> tuple[int, ...]:
        """Number of units or channels of each activation."""
        return self.started.units if self.started else ()

    @property
    def steps_per_epoch(self) -> float:
        """Optimiser steps per epoch; all steps for a run limited in steps; NaN if a logged run did not tell them."""
        if isinstance(self.planned.spec, LoggedRunSpec):
            return self.planned.spec.steps_per_epoch or math.nan
        spec = self.planned.trained_spec
        return self.planned.total_steps / (1 if spec.max_steps else spec.training.epochs)

    @property
    def final_step(self) -> int:
        """The last step: the planned one, or the one recorded last in a run that stopped early."""
        kept = self.finished.kept if self.finished is not None else None
        if kept is not None and kept.stopped_early and self.last is not None:
            return self.last.step
        return self.planned.total_steps

    @property
    def progress(self) -> float:
        """Fraction of the run's steps done, 0 to 1; 0 while unknown."""
        if self.status is Status.FINISHED:
            return 1.0
        if self.last is None or not self.planned.total_steps:
            return 0.0
        return min(1.0, self.last.step / self.planned.total_steps)


def metric_quantity(name: str) -> str:
    """Return the quantity, as in ``RunObservation.curves``, of a further number of a logged run."""
    return f"{METRIC}{name}"
