"""State of one experiment, updated by its events.

Receiving is separate from drawing: events are stored as they arrive, and the views read them at their timer's rate.
"""

from __future__ import annotations

from typing import Any

from engine.analysis.guessing import LargestClass, largest_class
from engine.analysis.styles import styles
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
    PlannedRun,
    Record,
    RunFinished,
    RunRestored,
    RunStarted,
    Status,
    Weights,
    has_unfinished_work,
)
from engine.events.tasks import Event
from engine.workspace.durations.time_left import TimeLeft
from gui.observations.run import RunObservation
from gui.observations.variant import VariantObservation


class Observations:
    """All that was received of the current experiment."""

    def __init__(self) -> None:
        self.experiment: int | None = None
        self.workers = 1
        self.runs: dict[int, RunObservation] = {}
        self.variants: dict[str, VariantObservation] = {}
        self.info: DatasetInfo | None = None  # of the experiment; compared experiments share none
        self._settings: dict[str, Any] = {}
        self.finished: ExperimentFinished | None = None
        self.parts: list[ComputedPart] = []
        self.computed: Computed | None = None
        self.time_left = TimeLeft()

    def expect(self, spec: ExperimentSpec) -> None:
        """Store the settings of the experiment that is about to start."""
        self._settings = spec.model_dump()

    def take(self, event: Event) -> None:
        """Update the state by an event."""
        self.time_left.take(event)
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
    def active_runs(self) -> list[RunObservation]:
        """Runs that have started and not ended."""
        return [run for run in self.runs.values() if run.status in (Status.RUNNING, Status.PAUSED)]

    @property
    def is_logged(self) -> bool:
        """Whether its runs are trained and logged by other programs."""
        return any(run.planned.is_logged for run in self.runs.values())

    @property
    def can_resume(self) -> bool:
        """Whether the experiment has ended, is stored, and has unfinished work."""
        if self.experiment is None or self.finished is None or self.is_logged:
            return False
        # An experiment that failed before it was stored does not concern the one shown.
        status = self.finished.status if self.finished.experiment == self.experiment else Status.FINISHED
        unfinished = sum(run.status.can_resume for run in self.runs.values())
        return has_unfinished_work(status, unfinished, len(self.runs))

    def setting(self, key: str) -> Any:
        """Return a setting of the current experiment; None if it has no such setting."""
        return self._settings.get(key)

    @property
    def largest_class(self) -> LargestClass | None:
        """The largest class of the test images; None if unknown."""
        return largest_class(self.info, (run.finished.confusion for run in self.runs.values() if run.finished))

    @property
    def progress(self) -> float:
        """Fraction of the steps of all runs done, 0 to 1; runs that ended early count as done."""
        total = sum(run.planned.total_steps for run in self.runs.values())
        done = sum(
            run.planned.total_steps * (1.0 if run.status.is_final else run.progress) for run in self.runs.values()
        )
        return done / total if total else 0.0

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
