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
# Fields of a record with one value per trainable layer, and with one per activation.
LAYER_FIELDS = ("gradient_norms", "update_ratios")
ACTIVATION_FIELDS = ("dead_units", "activation_means", "activation_deviations")


@dataclass
class RunObservation:
    """One run as received so far.

    ``curves`` grow in place by one float64 per record. ``layer_curves`` has one float32 curve per layer for each of
    ``LAYER_FIELDS``, and one per activation for each of ``ACTIVATION_FIELDS``.
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
        for name in RECORD_FIELDS:
            self.curves[name].append(getattr(record, name))
        self.curves["gradient_norm"].append(record.gradient_norms[0])
        self.curves["dead_fraction"].append(sum(record.dead_units) / sum(self.units) if record.dead_units else math.nan)
        for name in (*LAYER_FIELDS, *ACTIVATION_FIELDS):
            curves = self.layer_curves[name]
            for curve, value in zip(curves, getattr(record, name) or (math.nan,) * len(curves), strict=True):
                curve.append(value)

    def start(self, event: RunStarted) -> None:
        """Record that the run has started or resumed; records after its checkpoint are dropped, as they come again."""
        self.status, self.started = Status.RUNNING, event
        kept = bisect_right(self.steps, event.after)
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
        return self.last.learning_rate if self.last is not None else None

    @property
    def has_records(self) -> bool:
        """Whether there is any record."""
        return bool(self.steps)

    @property
    def has_manual_rate(self) -> bool:
        """Whether the user changed the learning rate while it trained."""
        return any(done.kind is InterventionKind.LEARNING_RATE for done in self.interventions)

    def restore(self, event: RunRestored) -> None:
        """Load all that is stored of the run."""
        if event.started is not None:
            self.start(event.started)
        if event.finished is not None:
            self.finish(event.finished)
        self.status = event.status
        self.weights = {weights.layer: weights for weights in event.weights}
        self.interventions = list(event.interventions)
        self.steps = array("d", event.curves["step"].tobytes())
        for name in RECORD_FIELDS:
            self.curves[name] = array("d", event.curves[name].tobytes())
        for name in (*LAYER_FIELDS, *ACTIVATION_FIELDS):
            columns = event.layer_curves[name].T
            if len(columns):  # empty without records, and for records from before these fields existed
                self.layer_curves[name] = tuple(array("f", np.ascontiguousarray(each).tobytes()) for each in columns)
        self._compute_derived(event)

    def _compute_derived(self, event: RunRestored) -> None:
        """Compute the curves that are not stored: gradient norm of all weights, and fraction of dead units."""
        norms, dead = event.layer_curves["gradient_norms"], event.layer_curves["dead_units"]
        blank = np.full(len(self.steps), np.nan)
        first = norms[:, 0].astype(float) if norms.size else blank
        share = dead.sum(axis=1) / sum(self.units) if dead.size and self.units else blank
        self.curves["gradient_norm"] = array("d", first.tobytes())
        self.curves["dead_fraction"] = array("d", share.astype(float).tobytes())
        self._update_last()

    def _update_last(self) -> None:
        """Rebuild the last record from the curves."""
        self.last = None
        if self.steps and self.started is not None:
            step = int(self.steps[-1])
            values: dict[str, Any] = {name: self.curves[name][-1] for name in RECORD_FIELDS}
            values |= {name: tuple(curve[-1] for curve in self.layer_curves[name]) for name in LAYER_FIELDS}
            epoch = (step - 1) // self.started.steps_per_epoch + 1
            self.last = Record(run=self.planned.run, step=step, epoch=epoch, **values)

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
    def progress(self) -> float:
        """Fraction of the run's steps done, 0 to 1; 0 while unknown."""
        if self.status is Status.FINISHED:
            return 1.0
        if self.last is None or not self.planned.total_steps:
            return 0.0
        return min(1.0, self.last.step / self.planned.total_steps)
