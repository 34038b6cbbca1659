"""engine.session with commands of the user, and with entries of the queue."""

from __future__ import annotations

from contextlib import closing

import pytest

from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.datasets import DatasetReady
from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import Record, RunFinished, RunStarted, Status
from engine.events.tasks import Event, TaskFailed
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import PrepareTask, TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.session import run_queue_entry
from engine.storage.locks import owner_lock
from engine.storage.store import Store
from engine.workspace.queue import QueueEntry, QueueStore
from tests.engine.session_support import count_experiments, event_names
from tests.engine.support import ScriptedExecutor, of, run_session, small_spec, sql


@pytest.mark.parametrize(
    ("control_sent", "status", "tested"),
    [
        (Control.STOP, Status.STOPPED, True),
        pytest.param(Control.CANCEL, Status.CANCELLED, False, marks=pytest.mark.long),  # in a run: test_trainer.py
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
    assert event_names(events)[-1] == "ExperimentFinished"
    assert count_experiments(store) == 0


class ControlledWhilePreparing(ScriptedExecutor):
    """Receives a stop after its preparation has ended."""

    def run(self, tasks, emit, control):
        super().run(tasks, emit, control)
        return Control.STOP if any(isinstance(task, PrepareTask) for task in tasks) else None


def test_a_stop_that_comes_too_late_for_the_preparation_is_not_lost(store: Store) -> None:
    executor = ControlledWhilePreparing()
    ended, events = run_session(store, executor, small_spec())
    assert ended.status is Status.CANCELLED
    assert not of(RunStarted, events)


class EndedBetweenRuns(ScriptedExecutor):
    """Receives a suspend after its first run has ended; the others are not started."""

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
    """Receives a control before the data set is prepared."""

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
    entry = QueueEntry(0, ARCHITECTURES_EXPERIMENT, small_spec())
    with closing(QueueStore(store.workspace)) as queue:
        with owner_lock(store.workspace) as owner:
            outcome = run_queue_entry(entry, owner, store, EndedWhilePreparing(asked), lambda _event: None, control)
            assert queue.all() == [], "its owner is alive"
        assert (outcome.experiment, outcome.status) == (None, status)
        assert [each.spec for each in queue.all()] == [entry.spec] * waits


def test_what_is_stored_is_no_longer_in_the_queue(store: Store, control: ControlChannel) -> None:
    executor = ScriptedExecutor()
    with owner_lock(store.workspace) as owner:

        def look(event: Event) -> None:
            if isinstance(event, DatasetReady | ExperimentStarted):
                seen.append(sql(store.workspace, "SELECT count(*) FROM queue")[0][0])

        seen: list[int] = []
        run_queue_entry(QueueEntry(0, ARCHITECTURES_EXPERIMENT, small_spec()), owner, store, executor, look, control)
    assert seen == [1, 0]
