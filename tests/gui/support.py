"""Executors, events and lookups shared by the tests of the window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QWidget

from engine.config.specs import RunSpec
from engine.devices.names import Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Control, SetLearningRate, SkipRun
from engine.events.datasets import SamplesReady
from engine.events.experiments import ExperimentStarted
from engine.events.runs import Intervention, InterventionKind, PlannedRun, Status
from engine.events.tasks import Emit, Exported, TaskFailed
from engine.executors.tasks import ExportTask, ReportTask, SampleTask, Task, TrainTask
from engine.experiments.architectures.experiment import plan
from engine.experiments.base import TrainingExperiment
from gui.experiment.experiment_tab import ExperimentTab
from gui.observations.experiment import Observations
from tests.engine.support import INFO, ScriptedExecutor, finished, record, small_spec, started, weights

Found = TypeVar("Found", bound=QWidget)
Item = TypeVar("Item")

# Long enough for a busy machine; a passing test never waits that long.
PATIENCE_MS = 60_000

# As from a file manager, which proposes a move but allows a copy.
EVERY_ACTION = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction | Qt.DropAction.LinkAction
LEFT_TO_MOVE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier


def find(parent: QWidget, kind: type[Found], name: str) -> Found:
    """Return the widget with an objectName, as a script would find it."""
    widget = parent.findChild(kind, name)
    assert widget is not None, f"there is no {kind.__name__} called {name}"
    return widget


def items(plot: pg.PlotWidget, kind: type[Item]) -> list[Item]:
    """Return the graphics items of one kind in a plot, in the order of insertion."""
    return [item for item in plot.getPlotItem().items if isinstance(item, kind)]


def taken_as_copy(event: QDropEvent) -> bool:
    """Return whether a drop was accepted, and check that it was accepted as a copy although a move was proposed."""
    assert event.proposedAction() is Qt.DropAction.MoveAction
    assert not event.isAccepted() or event.dropAction() is Qt.DropAction.CopyAction
    return event.isAccepted()


def tab_of(window: QWidget, experiment: str = "architectures") -> ExperimentTab:
    """Return the tab of an experiment, built even if the window would still do so later."""
    tab = find(window, ExperimentTab, f"tab_{experiment}")
    tab.build()
    return tab


def numbered(runs: Iterable[RunSpec], first: int = 1, total_steps: int = 260) -> tuple[PlannedRun, ...]:
    """Return planned runs, numbered as by the store, from ``first`` on."""
    return tuple(PlannedRun(number, run, 33_130, total_steps) for number, run in enumerate(runs, start=first))


def started_experiment(**changes: Any) -> ExperimentStarted:
    """Return the plan of ``small_spec`` with ``changes``, runs numbered from 1."""
    return ExperimentStarted(1, "architectures", INFO, numbered(plan(small_spec(**changes))), workers=1)


def begun(experiment: TrainingExperiment, **changes: Any) -> Observations:
    """Return observations of the plan of an experiment's quick preset with ``changes``, ten steps per epoch."""
    spec = experiment.preset("quick", **changes)
    observations = Observations()
    observations.expect(spec)
    runs = [
        replace(run, total_steps=run.spec.max_steps or 10 * run.spec.training.epochs)
        for run in numbered(experiment.plan(spec))
    ]
    observations.take(ExperimentStarted(1, experiment.name, INFO, tuple(runs), workers=1))
    return observations


def observed(*events: Any, **changes: Any) -> Observations:
    """Return observations of a plan followed by ``events``."""
    observations = Observations()
    for event in (started_experiment(**changes), *events):
        observations.take(event)
    return observations


def samples(dataset: str = "digits") -> SamplesReady:
    """Return twenty gray images of ten classes."""
    images = np.full((20, 32, 32, 1), 200, dtype=np.uint8)
    labels = tuple(number // 2 for number in range(20))
    return SamplesReady(dataset, "Digits", INFO.class_names, (100,) * 10, images, labels)


class OpenEndedExecutor(ScriptedExecutor):
    """Trains the first run until stopped; the following tasks are cancelled."""

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        self.tasks += tasks
        for task in tasks:
            if not isinstance(task, TrainTask):
                emit(self._preparation)
                continue
            for event in (started(task.run), record(task.run), weights(task.run)):
                emit(event)
            control.connection.poll(None)
            asked = control.poll()
            for other in tasks:
                emit(_answer(other, asked) if other is task else other.failed(Status.CANCELLED, "Not started."))
            return


class Assistant:
    """Answers requests for samples and exports immediately.

    ``samples_fail`` is the reason of a failure of samples, ``unexported`` sentences on what an export lacks.
    """

    def __init__(self, samples_fail: str | None = None, unexported: tuple[str, ...] = ()) -> None:
        self.tasks: list[Task] = []
        self._unexported = unexported
        self._samples_fail = samples_fail

    def start(self, runs: int, threads: int | None = None) -> int:
        return 1

    def allocation(self, runs: int, threads: int | None = None) -> Allocation:
        return Allocation(1, 1)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        self.tasks += tasks
        for task in tasks:
            if isinstance(task, SampleTask):
                failed = self._samples_fail
                emit(TaskFailed(failed) if failed else samples(task.data.dataset))
            if isinstance(task, ExportTask):
                emit(Exported(str(task.folder), 13, problems=self._unexported))
            if isinstance(task, ReportTask):
                emit(Exported(str(task.file), 1))

    def close(self) -> None:
        """Do nothing."""


def _answer(task: Task, asked: Control | None) -> Any:
    assert isinstance(task, TrainTask)
    if asked is Control.CANCEL:
        return task.failed(Status.CANCELLED, "Cancelled; its records are kept.")
    if asked is Control.SUSPEND:
        return task.failed(Status.INTERRUPTED, "Interrupted; its records are kept.")
    return finished(task.run, Status.STOPPED)


class ObedientExecutor(ScriptedExecutor):
    """Trains one run after the other and executes commands; a run ends on command, *Step* adds a record."""

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        self.tasks += tasks
        ended: Control | None = None
        for task in tasks:
            if not isinstance(task, TrainTask):
                emit(self._preparation)
            elif ended is not None:
                emit(task.failed(Status.CANCELLED, "Not started."))
            else:
                ended = self._train(task, emit, control)

    def _train(self, task: TrainTask, emit: Emit, control: ControlChannel) -> Control | None:
        step, rate = 10, 0.001
        for event in (started(task.run), record(task.run), weights(task.run)):
            emit(event)
        while True:
            command = control.poll(wait=True)
            match command:
                case Control.STOP | Control.CANCEL | Control.SUSPEND:
                    emit(_answer(task, command))
                    return command
                case SkipRun(run) if run == task.run:
                    emit(task.failed(Status.SKIPPED, "Skipped; its records are kept."))
                    return None
                case SetLearningRate(value, run) if run in (None, task.run):
                    rate = value
                    emit(Intervention(task.run, step, 0.5, InterventionKind.LEARNING_RATE, rate))
                case Control.PAUSE:
                    emit(Intervention(task.run, step, 0.5, InterventionKind.PAUSED))
                case Control.RESUME:
                    emit(Intervention(task.run, step, 0.5, InterventionKind.RESUMED))
                case Control.STEP:
                    emit(Intervention(task.run, step, 0.5, InterventionKind.RESUMED))
                    step += 10
                    emit(record(task.run, step, learning_rate=rate))
                    emit(Intervention(task.run, step, 0.5, InterventionKind.PAUSED))
