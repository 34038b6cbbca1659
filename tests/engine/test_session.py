"""engine.session: plan, executor, events and store; a session always ends with exactly one final event."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from engine.events.datasets import DatasetReady
from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import Record, RunFinished, RunStarted, Status, Weights
from engine.events.tasks import Event, TaskFailed
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import PrepareTask, TrainTask
from engine.storage.store import Store
from engine.utils.errors import StoreError, WorkerError
from tests.engine.session_support import count_experiments, event_names
from tests.engine.support import ScriptedExecutor, finished, of, record, run_session, small_spec, sql, started, timeless


def ends(*statuses: Status) -> Any:
    """Return an answer of the executor that ends runs 1, 2, ... with these statuses."""

    def answer(task: TrainTask) -> list[Event]:
        status = statuses[task.run - 1]
        tested = {} if status is Status.FINISHED else {"test_accuracy": None, "confusion": None, "reason": "Because."}
        return [started(task.run), record(task.run), finished(task.run, status, **tested)]

    return answer


def test_events_come_in_order_and_the_end_comes_once_and_last(store: Store) -> None:
    outcome, events = run_session(store, ScriptedExecutor(), small_spec(repeats=2))
    each = ["RunStarted", "Record", "RunFinished"]
    assert event_names(events) == ["DatasetReady", "ExperimentStarted", *each, *each, "ExperimentFinished"]
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
    assert event_names(events) == ["TaskFailed", "ExperimentFinished"]
    assert count_experiments(store) == 0
    assert not of(TrainTask, executor.tasks)


def test_the_number_of_broken_images_comes_with_the_end(store: Store) -> None:
    executor = ScriptedExecutor(preparation=TaskFailed("Two images can't be read.", broken_images=2))
    outcome, _ = run_session(store, executor, small_spec())
    assert outcome == ExperimentFinished(None, Status.FAILED, "Two images can't be read.", broken_images=2)


def test_a_preparation_that_is_cancelled_cancels_the_experiment(store: Store) -> None:
    executor = ScriptedExecutor(preparation=TaskFailed("Cancelled.", cancelled=True))
    outcome, _ = run_session(store, executor, small_spec())
    assert (outcome.experiment, outcome.status) == (None, Status.CANCELLED)
    assert count_experiments(store) == 0


def test_a_network_that_does_not_fit_ends_the_experiment_before_anything_is_stored(store: Store) -> None:
    spec = small_spec(architectures=["mlp_1", "cnn_5"], image_size=8)
    outcome, _ = run_session(store, InlineExecutor(), spec)
    assert (outcome.experiment, outcome.status) == (None, Status.FAILED)
    assert outcome.reason.startswith("cnn_5 can't be built on 8x8 images: at ")
    assert count_experiments(store) == 0


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
    assert event_names(events) == ["ExperimentFinished"]


def test_an_unexpected_error_ends_the_experiment_all_the_same(store: Store) -> None:
    """``Session.run`` always emits a final event; it may propagate the error afterwards."""
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


def test_no_run_stays_under_way_when_a_session_breaks_off(store: Store) -> None:
    def answer(task: TrainTask) -> Iterator[Event]:
        yield started(task.run)
        raise StoreError("The disk is full; make room.")

    ended, events = run_session(store, ScriptedExecutor(answer), small_spec(repeats=3))
    assert ended.status is Status.FAILED
    assert [run.status for run in store.runs(1)] == [Status.FAILED] * 3
    assert sorted(event.run for event in of(RunFinished, events)) == [1, 2, 3]
    assert isinstance(events[-1], ExperimentFinished)
