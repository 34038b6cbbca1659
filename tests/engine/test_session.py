"""engine.session: plan, executor, events, store; and an end that always comes, once and last."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import numpy as np
import pytest

from engine.config.specs import ExperimentSpec
from engine.datasets.base import ProgressCallback
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.datasets import DatasetReady
from engine.events.experiments import Computation, Computed, ComputedPart, ExperimentFinished, ExperimentStarted
from engine.events.runs import Record, RunFinished, RunStarted, Status, Weights
from engine.events.tasks import Emit, Event, TaskFailed
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import PrepareTask, TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.base import ComputedExperiment
from engine.session import run_queue_entry
from engine.storage.locks import owner_lock
from engine.storage.store import Store
from engine.utils.errors import Cancelled, SpecError, StoreError, WorkerError
from engine.workspace.queue import QueueEntry, QueueStore
from tests.engine.support import ScriptedExecutor, finished, of, record, run_session, small_spec, sql, started, timeless


def ends(*statuses: Status) -> Any:
    """An answer that ends run 1, 2, ... with these statuses."""

    def answer(task: TrainTask) -> list[Event]:
        status = statuses[task.run - 1]
        tested = {} if status is Status.FINISHED else {"test_accuracy": None, "confusion": None, "reason": "Because."}
        return [started(task.run), record(task.run), finished(task.run, status, **tested)]

    return answer


def names(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def experiments_in(store: Store) -> int:
    with closing(sqlite3.connect(store.file)) as reader:
        return reader.execute("SELECT count(*) FROM experiments").fetchone()[0]


def test_events_come_in_order_and_the_end_comes_once_and_last(store: Store) -> None:
    outcome, events = run_session(store, ScriptedExecutor(), small_spec(repeats=2))
    each = ["RunStarted", "Record", "RunFinished"]
    assert names(events) == ["DatasetReady", "ExperimentStarted", *each, *each, "ExperimentFinished"]
    assert events[-1] == outcome == ExperimentFinished(1, Status.FINISHED)


def test_the_executor_is_asked_to_prepare_the_data_and_then_for_each_run(store: Store) -> None:
    executor, spec = ScriptedExecutor(), small_spec(architectures=["mlp_1", "cnn_3"], repeats=2, seed=5)
    run_session(store, executor, spec)
    assert isinstance(executor.tasks[0], PrepareTask)
    runs = of(TrainTask, executor.tasks)
    assert [(task.spec.variant, task.spec.repeat, task.spec.seed) for task in runs] == [
        *(("mlp_1", 1, 5), ("cnn_3", 1, 5)),
        *(("mlp_1", 2, 6), ("cnn_3", 2, 6)),
    ]
    models = [str(task.model_file.relative_to(store.workspace)) for task in runs if task.model_file]
    assert len(set(models)) == 4
    assert models[0] == "models/experiment-1/mlp_1-1.keras"


def test_the_start_names_every_run_with_its_parameters_and_steps(store: Store) -> None:
    _, events = run_session(store, ScriptedExecutor(), small_spec(architectures=["mlp_1", "cnn_4"], epochs=3))
    (event,) = of(ExperimentStarted, events)
    assert [(run.spec.variant, run.parameters, run.total_steps) for run in event.runs] == [
        ("mlp_1", 33_130, 78),
        ("cnn_4", 13_522, 78),
    ]


def test_an_event_is_stored_before_it_is_shown(store: Store) -> None:
    stored: list[int] = []

    def look(event: Event) -> None:
        if isinstance(event, Record):
            stored.append(len(store.records(event.run)))

    run_session(store, ScriptedExecutor(), small_spec(repeats=2), look)
    assert stored == [1, 1]


def test_the_outcome_is_stored(store: Store) -> None:
    outcome, _ = run_session(store, ScriptedExecutor(), small_spec())
    assert outcome.experiment is not None
    assert store.experiment(outcome.experiment).status is Status.FINISHED
    assert [run.status for run in store.runs(outcome.experiment)] == [Status.FINISHED]


def test_a_data_set_that_fails_ends_the_experiment_and_nothing_is_stored(store: Store) -> None:
    executor = ScriptedExecutor(preparation=TaskFailed("There is no such folder; name another."))
    outcome, events = run_session(store, executor, small_spec())
    assert outcome == ExperimentFinished(None, Status.FAILED, "There is no such folder; name another.")
    assert names(events) == ["TaskFailed", "ExperimentFinished"]
    assert experiments_in(store) == 0
    assert not of(TrainTask, executor.tasks)


def test_a_preparation_that_is_cancelled_cancels_the_experiment(store: Store) -> None:
    executor = ScriptedExecutor(preparation=TaskFailed("Cancelled.", cancelled=True))
    outcome, _ = run_session(store, executor, small_spec())
    assert (outcome.experiment, outcome.status) == (None, Status.CANCELLED)
    assert experiments_in(store) == 0


def test_a_network_that_does_not_fit_ends_the_experiment_before_anything_is_stored(store: Store) -> None:
    spec = small_spec(architectures=["mlp_1", "cnn_5"], image_size=8)
    outcome, _ = run_session(store, InlineExecutor(), spec)
    assert (outcome.experiment, outcome.status) == (None, Status.FAILED)
    assert outcome.reason.startswith("cnn_5 can't be built on 8x8 images: at ")
    assert experiments_in(store) == 0


@pytest.mark.parametrize(
    ("statuses", "expected", "reason"),
    [
        ([Status.FINISHED, Status.FINISHED], Status.FINISHED, ""),
        ([Status.FINISHED, Status.DIVERGED], Status.FINISHED, ""),
        ([Status.DIVERGED, Status.DIVERGED], Status.FAILED, "Every run diverged; try a smaller learning rate."),
        ([Status.CRASHED, Status.FINISHED], Status.FINISHED, "1 of 2 runs did not finish: Because."),
        ([Status.FAILED, Status.CRASHED], Status.FAILED, "2 of 2 runs did not finish: Because."),
        ([Status.STOPPED, Status.CANCELLED], Status.STOPPED, ""),
        ([Status.FINISHED, Status.CANCELLED], Status.CANCELLED, ""),
    ],
)
def test_the_outcome_follows_from_the_runs(store: Store, statuses: list[Status], expected: Status, reason: str) -> None:
    outcome, _ = run_session(store, ScriptedExecutor(ends(*statuses)), small_spec(repeats=2))
    assert (outcome.status, outcome.reason) == (expected, reason)
    assert [run.status for run in store.runs(1)] == statuses


# Experiments that are computed


def computing(compute: Callable[..., Computation]) -> ComputedExperiment:
    return ComputedExperiment(
        name="computed",
        title="Computed",
        summary="What a test computes.",
        lesson="",
        spec=ExperimentSpec,
        presets={"quick": {}},
        compute=compute,
    )


def test_a_computation_emits_its_parts_and_is_stored_before_its_end(store: Store) -> None:
    def compute(_spec: ExperimentSpec, emit: Emit, progress: ProgressCallback) -> Computation:
        progress("Computing", 1, 2)
        emit(ComputedPart("half", {"value": 1}))
        return Computation({"value": 2}, {"output": np.arange(3.0)})

    stored: list[bool] = []

    def look(event: Event) -> None:
        if isinstance(event, Computed):
            stored.append(store.computation(1) is not None)

    spec = ExperimentSpec()
    outcome, events = run_session(store, InlineExecutor(), spec, look, experiment=computing(compute))
    assert names(events) == ["ComputationStarted", "Progress", "ComputedPart", "Computed", "ExperimentFinished"]
    assert outcome == ExperimentFinished(1, Status.FINISHED)
    assert stored == [True]
    found = store.computation(1)
    assert found is not None
    assert (found.findings, found.arrays["output"].tolist()) == ({"value": 2}, [0.0, 1.0, 2.0])
    experiment = store.experiment(1)
    assert (experiment.status, experiment.dataset) == (Status.FINISHED, None)
    assert experiment.device is not None


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (SpecError("The kernel is larger than the image; choose another."), Status.FAILED, "The kernel is larger"),
        (MemoryError(), Status.FAILED, "There is not enough memory"),
        (ZeroDivisionError("by zero"), Status.FAILED, "An unexpected ZeroDivisionError ended it (by zero)"),
        (Cancelled("Cancelled before it was done."), Status.CANCELLED, "Cancelled before it was done."),
    ],
)
def test_a_computation_that_fails_ends_with_its_sentence_and_stores_nothing(
    store: Store, error: Exception, status: Status, reason: str
) -> None:
    def compute(*_arguments: Any) -> Computation:
        raise error

    outcome, events = run_session(store, InlineExecutor(), ExperimentSpec(), experiment=computing(compute))
    assert (outcome.experiment, outcome.status) == (1, status)
    assert outcome.reason.startswith(reason)
    assert names(events) == ["ComputationStarted", "TaskFailed", "ExperimentFinished"]
    assert store.computation(1) is None
    assert store.experiment(1).status is status


@pytest.mark.parametrize("asked", [Control.STOP, Control.CANCEL])
def test_a_control_cancels_a_computation_at_its_next_progress(
    store: Store, control: ControlChannel, asked: Control
) -> None:
    def compute(_spec: ExperimentSpec, _emit: Emit, progress: ProgressCallback) -> Computation:
        progress("Computing", 1, 2)
        control.send(asked)
        progress("Computing", 2, 2)
        return Computation()

    experiment = computing(compute)
    outcome, _ = run_session(store, InlineExecutor(), ExperimentSpec(), control=control, experiment=experiment)
    assert outcome.status is Status.CANCELLED
    assert store.computation(1) is None


class BrokenStart(ScriptedExecutor):
    def start(self, runs: int, threads: int | None = None) -> int:
        raise WorkerError("A training process can't be started; close other programs.")


class BrokenRun(ScriptedExecutor):
    def run(self, tasks: Any, emit: Any, control: Any) -> None:
        if isinstance(tasks[0], TrainTask):
            raise RuntimeError("a defect of the program")
        super().run(tasks, emit, control)


def test_an_executor_that_can_not_start_ends_the_experiment_with_its_sentence(store: Store) -> None:
    outcome, events = run_session(store, BrokenStart(), small_spec())
    assert (outcome.status, outcome.reason) == (
        Status.FAILED,
        "A training process can't be started; close other programs.",
    )
    assert names(events) == ["ExperimentFinished"]


def test_an_unexpected_error_ends_the_experiment_all_the_same(store: Store) -> None:
    """``Session.run`` promises an end whatever happens; it may let the error through, but only after saying so."""
    events: list[Event] = []
    with suppress(RuntimeError):
        run_session(store, BrokenRun(), small_spec(), events.append)
    assert isinstance(events[-1], ExperimentFinished)
    assert events[-1].status is Status.FAILED
    assert store.experiment(1).status is Status.FAILED


def test_a_store_that_can_no_longer_be_written_ends_the_experiment_with_a_sentence(store: Store) -> None:
    def drop_table(event: Event) -> None:
        if isinstance(event, RunStarted):
            sql(store.workspace, "DROP TABLE points")

    outcome, events = run_session(store, ScriptedExecutor(), small_spec(), drop_table)
    assert outcome.status is Status.FAILED
    assert "can't be written" in outcome.reason
    assert len(of(ExperimentFinished, events)) == 1


def test_a_loss_that_is_no_number_does_not_trouble_the_store(store: Store) -> None:
    def answer(task: TrainTask) -> list[Event]:
        return [
            started(task.run),
            record(task.run, training_loss=math.nan),
            finished(task.run, Status.DIVERGED, test_loss=None, test_accuracy=None, confusion=None, reason="NaN."),
        ]

    outcome, _ = run_session(store, ScriptedExecutor(answer), small_spec())
    assert outcome == ExperimentFinished(1, Status.FAILED, "Every run diverged; try a smaller learning rate.")


def test_real_runs_are_stored_as_they_were_emitted(store: Store) -> None:
    outcome, events = run_session(store, InlineExecutor(), small_spec(repeats=2))
    assert outcome.status is Status.FINISHED
    assert isinstance(of(DatasetReady, events)[0], DatasetReady)
    for number in (1, 2):
        assert store.records(number) == [event for event in of(Record, events) if event.run == number]
        newest = [event for event in of(Weights, events) if event.run == number][-2:]
        assert [event.layer for event in newest] == ["dense_1", "prediction"]
        assert timeless([store.last_weights(number)]) == [
            dict(zip(("dense_1", "prediction"), timeless(newest), strict=True))
        ]
    ended = of(RunFinished, events)
    assert [run.test_accuracy for run in store.runs(1)] == [event.test_accuracy for event in ended]
    assert all(run.model is not None and run.model.is_file() for run in store.runs(1))


@pytest.mark.parametrize(
    ("control_sent", "status", "tested"),
    [
        (Control.STOP, Status.STOPPED, True),
        (Control.CANCEL, Status.CANCELLED, False),
        (Control.SUSPEND, Status.INTERRUPTED, False),
    ],
)
def test_a_control_ends_the_run_under_way_and_those_not_yet_started(
    store: Store, control: ControlChannel, control_sent: Control, status: Status, tested: bool
) -> None:
    def ask_once(event: Event) -> None:
        if isinstance(event, Record) and event.step == 10:
            control.send(control_sent)

    outcome, events = run_session(store, InlineExecutor(), small_spec(epochs=50, repeats=3), ask_once, control)
    first, second, third = store.runs(1)
    assert outcome.status is status
    assert (first.status, first.is_tested) == (status, tested)
    assert (second.status, third.status) == (Status.CANCELLED, Status.CANCELLED)
    assert [item.step for item in store.records(first.id)] == [10]
    assert len(of(RunFinished, events)) == 3
    assert isinstance(events[-1], ExperimentFinished)


def test_a_control_during_preparation_cancels_before_anything_is_stored(store: Store, control: ControlChannel) -> None:
    control.send(Control.STOP)
    outcome, events = run_session(store, InlineExecutor(), small_spec(), control=control)
    assert (outcome.experiment, outcome.status) == (None, Status.CANCELLED)
    assert names(events)[-1] == "ExperimentFinished"
    assert experiments_in(store) == 0


class ControlledWhilePreparing(ScriptedExecutor):
    """Its preparation was over before it could obey."""

    def run(self, tasks, emit, control):
        super().run(tasks, emit, control)
        return Control.STOP if any(isinstance(task, PrepareTask) for task in tasks) else None


def test_a_stop_that_comes_too_late_for_the_preparation_is_not_lost(store: Store) -> None:
    executor = ControlledWhilePreparing()
    ended, events = run_session(store, executor, small_spec())
    assert ended.status is Status.CANCELLED
    assert not of(RunStarted, events)


class EndedBetweenRuns(ScriptedExecutor):
    """Its first run was over before it could obey; the others are not begun."""

    def run(self, tasks, emit, control):
        super().run(tasks[:1], emit, control)
        for task in tasks[1:]:
            emit(task.failed(Status.CANCELLED, "Not started."))
        return Control.SUSPEND if any(isinstance(task, TrainTask) for task in tasks) else None


def test_what_is_suspended_between_two_runs_was_interrupted(store: Store) -> None:
    ended, _ = run_session(store, EndedBetweenRuns(), small_spec(repeats=2))
    assert ended.status is Status.INTERRUPTED
    ended, _ = run_session(store, EndedBetweenRuns(), small_spec(repeats=1))
    assert ended.status is Status.FINISHED, "nothing was left"


class EndedWhilePreparing(ScriptedExecutor):
    """Is asked to end by ``control`` before the data set is there."""

    def __init__(self, asked: Control) -> None:
        super().__init__(preparation=TaskFailed("Cancelled before it was done.", cancelled=True))
        self._asked = asked

    def run(self, tasks, emit, control):
        super().run(tasks, emit, control)
        return self._asked


@pytest.mark.parametrize(
    ("asked", "status", "waits"),
    [(Control.SUSPEND, Status.INTERRUPTED, True), (Control.CANCEL, Status.CANCELLED, False)],
)
def test_what_is_suspended_before_it_is_stored_waits_in_the_queue(
    store: Store, control: ControlChannel, asked: Control, status: Status, waits: bool
) -> None:
    order = QueueEntry(0, ARCHITECTURES_EXPERIMENT, small_spec())
    with closing(QueueStore(store.workspace)) as orders:
        with owner_lock(store.workspace) as owner:
            outcome = run_queue_entry(order, owner, store, EndedWhilePreparing(asked), lambda _event: None, control)
            assert orders.all() == [], "its owner is still there"
        assert (outcome.experiment, outcome.status) == (None, status)
        assert [each.spec for each in orders.all()] == [order.spec] * waits


def test_what_is_stored_is_no_longer_in_the_queue(store: Store, control: ControlChannel) -> None:
    executor = ScriptedExecutor()
    with owner_lock(store.workspace) as owner:

        def look(event: Event) -> None:
            if isinstance(event, DatasetReady | ExperimentStarted):
                seen.append(sql(store.workspace, "SELECT count(*) FROM queue")[0][0])

        seen: list[int] = []
        run_queue_entry(QueueEntry(0, ARCHITECTURES_EXPERIMENT, small_spec()), owner, store, executor, look, control)
    assert seen == [1, 0]


def test_no_run_stays_under_way_when_a_session_breaks_off(store: Store) -> None:
    def answer(task: TrainTask) -> Iterator[Event]:
        yield started(task.run)
        raise StoreError("The disk is full; make room.")

    ended, events = run_session(store, ScriptedExecutor(answer), small_spec(repeats=3))
    assert ended.status is Status.FAILED
    assert [run.status for run in store.runs(1)] == [Status.FAILED] * 3
    assert sorted(event.run for event in of(RunFinished, events)) == [1, 2, 3]
    assert isinstance(events[-1], ExperimentFinished)
