"""What the window knows of the experiment in front of it. Plain data: receiving is not drawing.

Events are taken as they arrive; the views read from here when their timer comes round.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from engine.arrays import Array
from engine.datasets import DatasetInfo
from engine.events import (
    ComputationStarted,
    Computed,
    ComputedPart,
    Event,
    ExperimentFinished,
    ExperimentStarted,
    PlannedRun,
    Record,
    RunFinished,
    RunsAdded,
    RunStarted,
    Status,
    Weights,
)
from engine.results import mean_and_deviation

QUANTITIES = ("training_loss", "training_accuracy", "validation_loss", "validation_accuracy", "gradient_norm")


@dataclass
class RunObservation:
    """One run as far as it was seen. Curves grow in place, one float64 a record."""

    planned: PlannedRun
    status: Status = Status.QUEUED
    reason: str = ""
    last: Record | None = None
    test_accuracy: float | None = None
    weights: Weights | None = None
    steps: array[float] = field(default_factory=lambda: array("d"))
    curves: dict[str, array[float]] = field(default_factory=lambda: {name: array("d") for name in QUANTITIES})

    def add(self, record: Record) -> None:
        """Append a record to the curves."""
        self.last = record
        self.steps.append(record.step)
        for name in QUANTITIES[:-1]:
            self.curves[name].append(getattr(record, name))
        self.curves["gradient_norm"].append(record.gradient_norms[0])

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
    position: int
    runs: list[RunObservation] = field(default_factory=list)
    changes: int = 0

    @property
    def shown(self) -> RunObservation | None:
        """The run whose weights are worth showing: the best of those tested, else the first that began."""
        seen = [run for run in self.runs if run.weights is not None]
        tested = [run for run in seen if run.test_accuracy is not None]
        return max(tested, key=lambda run: run.test_accuracy or 0.0) if tested else next(iter(seen), None)

    def mean(self, quantity: str) -> tuple[Array, Array, Array, Array]:
        """Steps, mean over the runs, deviation and number of runs: float64 [records] each.

        Runs of one variant are recorded at the same steps, so a shorter one is the beginning of a longer one.
        """
        started = [run for run in self.runs if run.steps]
        if not started:
            empty = np.empty(0)
            return empty, empty, empty, empty
        longest = max(started, key=lambda run: len(run.steps))
        table = np.full((len(started), len(longest.steps)), np.nan)
        for row, run in zip(table, started, strict=True):
            row[: len(run.steps)] = run.curves[quantity]
        mean, deviation = mean_and_deviation(table)
        return np.array(longest.steps), mean, deviation, np.isfinite(table).sum(axis=0).astype(float)


class Observations:
    """Everything seen of the current experiment."""

    def __init__(self) -> None:
        self.experiment: int | None = None
        self.workers = 1
        self.runs: dict[int, RunObservation] = {}
        self.variants: dict[str, VariantObservation] = {}
        self.info: DatasetInfo | None = None
        self.finished: ExperimentFinished | None = None
        self.parts: list[ComputedPart] = []
        self.computed: Computed | None = None

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
                self.runs[run].status = Status.RUNNING
                self._changed(run)
            case Record(run=run):
                self.runs[run].add(event)
                self._changed(run)
            case Weights(run=run):
                self.runs[run].weights = event
                self._changed(run)
            case RunFinished(run=run):
                observation = self.runs[run]
                observation.status, observation.reason = event.status, event.reason
                observation.test_accuracy = event.test_accuracy
                self._changed(run)
            case ExperimentFinished():
                self.finished = event

    @property
    def total_steps(self) -> int:
        """The largest number of steps of any run: how far the curves will reach."""
        return max((run.planned.total_steps for run in self.runs.values()), default=1)

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
        if run.status is not Status.RUNNING or run.seconds_per_step is None:
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
        for planned in runs:
            self.runs[planned.run] = run = RunObservation(planned)
            name = planned.spec.variant
            variant = self.variants.setdefault(name, VariantObservation(name, len(self.variants)))
            variant.runs.append(run)

    def _variant(self, run: int) -> VariantObservation:
        return self.variants[self.runs[run].planned.spec.variant]

    def _changed(self, run: int) -> None:
        self._variant(run).changes += 1


def _speed(variant: VariantObservation) -> float | None:
    speeds = list(_speeds(variant))
    return sum(speeds) / len(speeds) if speeds else None


def _speeds(variant: VariantObservation) -> Iterator[float]:
    return (speed for run in variant.runs if (speed := run.seconds_per_step) is not None)
