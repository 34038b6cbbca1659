"""Commands to running trainings, and further runs of stored experiments, with real trainings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.config.rate_schedule import ScheduleSpec
from engine.datasets import PreparedData
from engine.events.channel import ControlChannel
from engine.events.commands import Control, SetLearningRate, SkipRun
from engine.events.datasets import DatasetReady
from engine.events.experiments import ExperimentStarted
from engine.events.runs import Intervention, Record, RunFinished, RunRestored, RunStarted, Status
from engine.events.tasks import Event
from engine.executors.base import Executor
from engine.executors.inline import InlineExecutor
from engine.executors.processes.pool import ProcessExecutor
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from engine.experiments.schedule.variants import STEPS
from engine.networks.architectures import build_network
from engine.session import Session
from engine.storage.store import Store
from tests.engine.support import (
    INFO,
    Asking,
    ScriptedExecutor,
    finished,
    of,
    planned,
    record,
    run_session,
    small_run,
    small_spec,
    sql,
    started,
    timeless,
    train_here,
    train_tasks,
)

SCHEDULES = {
    "constant": ScheduleSpec(),
    "step": ScheduleSpec(kind="step", rates=(0.5, 0.25), switches=(2,)),
    "cosine": ScheduleSpec(kind="cosine", rates=(0.5,)),
    "plateau": ScheduleSpec(kind="plateau", rates=(0.5,), patience=50),
}


@pytest.mark.long
@pytest.mark.parametrize("kind", ["constant", "plateau", "cosine"])
def test_a_new_rate_counts_from_the_next_step_on_whatever_the_schedule(few_digits: PreparedData, kind: str) -> None:
    run = small_run(optimizer="sgd", epochs=14).replace(schedule=SCHEDULES[kind])
    events = train_here(run, few_digits, Asking(1, SetLearningRate(0.125)))
    steps = [note.step for note in of(Intervention, events)]
    rates = {each.step: each.learning_rate for each in of(Record, events)}
    (changed,) = steps
    assert all((rate == 0.125) is (step > changed) for step, rate in rates.items())
    assert of(Intervention, events)[0].label == "rate 0.125"
    untouched = of(Record, train_here(run, few_digits))
    before = [each for each in of(Record, events) if each.step <= changed]
    assert timeless(before) == timeless(untouched[: len(before)]), "what came before is as it would have been"
    assert timeless(of(Record, events)[-1:]) != timeless(untouched[-1:]), "what came after is not"


@pytest.mark.long
def test_a_pause_changes_no_number(few_digits: PreparedData) -> None:
    run = small_run(epochs=8)
    events = train_here(run, few_digits, Asking(Control.PAUSE, Control.STEP, 1, Control.RESUME))
    assert timeless(event for event in events if not isinstance(event, Intervention)) == timeless(
        train_here(run, few_digits)
    )
    assert [note.label for note in of(Intervention, events)][:2] == ["paused", "resumed"]


def test_a_run_that_is_skipped_is_not_tested_and_keeps_its_records(few_digits: PreparedData, tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    events = train_here(small_run(epochs=40), few_digits, Asking(12, SkipRun(1)), model)
    end = of(RunFinished, events)[0]
    assert (end.status, end.test_accuracy, model.exists()) == (Status.SKIPPED, None, False)
    assert 1 <= len(of(Record, events)) < 12


@pytest.fixture(scope="module", params=["inline", pytest.param("process", marks=pytest.mark.long)])
def executor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    """This process, or one child that is warm."""
    made = InlineExecutor() if request.param == "inline" else ProcessExecutor(1, tmp_path_factory.mktemp("logs"))
    made.start(1)
    yield made
    made.close()


def steered(executor: Executor, control: ControlChannel, answer: Callable[[Event, list[Event]], None]) -> list[Event]:
    """The events of three runs; ``answer`` receives each with those before it, and may send commands."""
    events: list[Event] = []

    def take(event: Event) -> None:
        events.append(event)
        answer(event, events)

    executor.start(1)
    executor.run(train_tasks(small_spec(epochs=6, repeats=3)), take, control)
    return events


def test_runs_are_held_stepped_skipped_and_let_go(executor: Executor, control: ControlChannel) -> None:
    """Held at run 1's first record, run 2 is skipped before it begins, one step is made, and the rest goes on."""

    def answer(event: Event, events: list[Event]) -> None:
        records = of(Record, events)
        match event:
            case Record() if len(records) == 1:
                control.send(Control.PAUSE)
            case Intervention(kind="paused") if len(of(Intervention, events)) == 1:
                control.send(SkipRun(2))
                control.send(Control.STEP)
            case Intervention(kind="paused"):
                control.send(SetLearningRate(0.5, 1))
                control.send(SetLearningRate(0.25, 3))  # not running, so without effect
                control.send(Control.RESUME)

    events = steered(executor, control, answer)
    ends = {end.run: end.status for end in of(RunFinished, events)}
    assert ends == {1: Status.FINISHED, 2: Status.SKIPPED, 3: Status.FINISHED}
    notes = [(note.run, note.label) for note in of(Intervention, events)]
    assert notes[:2] == [(1, "paused"), (1, "resumed")]
    assert notes[2:] == [(1, "paused"), (1, "rate 0.5"), (1, "resumed")]
    held_at, stepped_to = (note.step for note in of(Intervention, events) if note.label == "paused")
    assert stepped_to - held_at == 10, "a step is one recording interval"
    assert not [event for event in of(RunStarted, events) if event.run == 2]
    rates = {(each.run, each.learning_rate) for each in of(Record, events)}
    assert rates == {(1, 0.001), (1, 0.5), (3, 0.001)}


def test_while_held_no_run_begins_but_by_a_step(executor: Executor, control: ControlChannel) -> None:
    """Asked to hold as the last run ends, the next begins by a step alone, and is held after its first record."""

    def answer(event: Event, events: list[Event]) -> None:
        match event:
            case RunFinished(run=1):
                control.send(Control.PAUSE)
                control.send(Control.STEP)
            case Intervention(kind="paused", run=2):
                control.send(Control.STOP)

    events = steered(executor, control, answer)
    ends = {end.run: end.status for end in of(RunFinished, events)}
    assert ends == {1: Status.FINISHED, 2: Status.STOPPED, 3: Status.CANCELLED}


# Further runs of a stored experiment


def extended(store: Store, executor: Executor, spec: Any, number: int, experiment: Any) -> tuple[Any, list[Event]]:
    events: list[Event] = []
    with closing(ControlChannel()) as control:
        return Session(store, executor, events.append, control).run(experiment, spec, number), events


@pytest.mark.long
def test_repeats_added_later_are_those_that_would_have_been_trained_at_once(store: Store, tmp_path: Path) -> None:
    run_session(store, InlineExecutor(), small_spec(epochs=2))
    ended, events = extended(store, InlineExecutor(), small_spec(epochs=2, repeats=3), 1, ARCHITECTURES_EXPERIMENT)
    assert (ended.experiment, ended.status) == (1, Status.FINISHED)
    assert [len(each.runs) for each in of(ExperimentStarted, events)] == [3]
    assert [each.run for each in of(RunRestored, events)] == [1], "what was trained before is shown again"
    assert [each.run for each in of(RunStarted, events)] == [2, 3], "and not trained again"
    with closing(Store(tmp_path / "at_once")) as other:
        run_session(other, InlineExecutor(), small_spec(epochs=2, repeats=3))
        for run in (1, 2, 3):
            assert timeless(store.records(run)) == timeless(other.records(run))
    assert '"repeats": 3' in store.experiment(1).spec
    assert store.experiment(1).finished is not None


@pytest.mark.long
def test_a_schedule_gets_repeats_of_all_that_has_some_and_searches_nothing_again(store: Store) -> None:
    spec = SCHEDULE_EXPERIMENT.preset("quick", architecture="mlp_1", epochs=4, repeats=1, patience=1)
    run_session(store, InlineExecutor(), spec, experiment=SCHEDULE_EXPERIMENT)
    before = [(run.spec.variant, run.spec.repeat) for run in store.runs(1)]
    extended(store, InlineExecutor(), spec.replace(repeats=2), 1, SCHEDULE_EXPERIMENT)
    added = [(run.spec.variant, run.spec.repeat) for run in store.runs(1)][len(before) :]
    assert sorted(added) == [("adam", 2), (STEPS, 2)]


def cancelled_after(variants: tuple[str, ...]) -> ScriptedExecutor:
    """Finishes the runs of these variants and reports the others as not started."""

    def answer(task: Any) -> list[Event]:
        if task.spec.variant not in variants:
            return [task.failed(Status.CANCELLED, "Not started.")]
        return [started(task.run), record(task.run), finished(task.run)]

    return ScriptedExecutor(answer)


def test_runs_that_came_to_nothing_are_made_up_for(store: Store) -> None:
    spec = small_spec(architectures=["mlp_1", "mlp_2"])
    ended, _ = run_session(store, cancelled_after(("mlp_1",)), spec)
    assert ended.status is Status.CANCELLED
    before = store.experiment(1)
    extended(store, ScriptedExecutor(), spec.replace(repeats=2), 1, ARCHITECTURES_EXPERIMENT)
    runs = [(run.spec.variant, run.spec.repeat, run.status) for run in store.runs(1)]
    assert runs == [
        *(("mlp_1", 1, Status.FINISHED), ("mlp_2", 1, Status.FINISHED)),
        *(("mlp_1", 2, Status.FINISHED), ("mlp_2", 2, Status.FINISHED)),
    ]
    after = store.experiment(1)
    assert after.resumed is not None
    assert after.spent == pytest.approx(before.seconds or 0.0)
    assert after.seconds == pytest.approx(after.spent + (after.finished or 0.0) - after.resumed)


def four_epochs(task: Any) -> list[Event]:
    records = [record(task.run, 26 * epoch, epoch=epoch, validation_accuracy=0.5) for epoch in range(1, 5)]
    return [started(task.run), *records, finished(task.run)]


def test_a_schedule_stopped_in_its_search_is_completed(store: Store) -> None:
    spec = SCHEDULE_EXPERIMENT.preset("quick", architecture="mlp_1", epochs=4, repeats=1, patience=1)
    run_session(store, cancelled_after(("adam",)), spec, experiment=SCHEDULE_EXPERIMENT)
    ended, _ = extended(store, ScriptedExecutor(four_epochs), spec.replace(repeats=2), 1, SCHEDULE_EXPERIMENT)
    assert (ended.status, ended.reason) == (Status.FINISHED, "")
    assert {run.spec.variant for run in store.runs(1)} >= {"search_1", "search_2", STEPS, "adam"}


def test_other_images_than_before_get_no_further_runs(store: Store) -> None:
    number, (run,) = planned(store)
    for event in (started(run.run), record(run.run), finished(run.run)):
        store.add(event)
    other = ScriptedExecutor(preparation=DatasetReady(replace(INFO, fingerprint="1" * 64)))
    ended, _ = extended(store, other, small_spec(repeats=2), number, ARCHITECTURES_EXPERIMENT)
    assert ended.status is Status.FAILED
    assert "no longer those" in ended.reason
    assert len(store.runs(number)) == 1


def test_what_was_deleted_gets_no_further_runs(store: Store) -> None:
    number, _ = planned(store)
    sql(store.workspace, "UPDATE experiments SET deleted=1.0 WHERE id=?", number)
    ended, _ = extended(store, ScriptedExecutor(), small_spec(repeats=2), number, ARCHITECTURES_EXPERIMENT)
    assert (ended.status, len(store.runs(number))) == (Status.FAILED, 1)
    assert "was deleted; restore it" in ended.reason


def test_skipping_every_run_leaves_a_cancelled_experiment(store: Store) -> None:
    executor = ScriptedExecutor(lambda task: [task.failed(Status.SKIPPED, "Skipped.")])
    ended, _ = run_session(store, executor, small_spec(repeats=2))
    assert (ended.status, ended.reason) == (Status.CANCELLED, "Every run was skipped.")


def test_skipping_one_run_ends_nothing_else(store: Store) -> None:
    def answer(task: Any) -> list[Event]:
        if task.run == 1:
            return [task.failed(Status.SKIPPED, "Skipped.")]
        return [started(task.run), record(task.run), finished(task.run)]

    ended, _ = run_session(store, ScriptedExecutor(answer), small_spec(repeats=2))
    assert ended.status is Status.FINISHED
    assert [run.status for run in store.runs(1)] == [Status.SKIPPED, Status.FINISHED]


def test_what_was_done_by_hand_is_stored_with_the_run(store: Store, few_digits: PreparedData) -> None:
    _, (planned_run,) = planned(store)
    asking = Asking(1, SetLearningRate(0.125), Control.PAUSE, Control.RESUME)
    events = train_here(small_run(epochs=8), few_digits, asking)
    statuses = []
    for event in events:
        store.add(event)
        statuses.append(store.run(planned_run.run).status)
    assert store.interventions(1) == tuple(of(Intervention, events))
    assert Status.PAUSED in statuses
    assert statuses[-1] is Status.FINISHED
    surest = store.mistakes(1)
    assert [each.confidence for each in surest] == sorted((each.confidence for each in surest), reverse=True)
    assert all(each.true != each.predicted and each.pixels.shape == (32, 32, 1) for each in surest)


@pytest.mark.long
def test_training_on_begins_where_the_other_ended(few_digits: PreparedData, tmp_path: Path) -> None:
    file = tmp_path / "first.keras"
    first = train_here(small_run(epochs=12, optimizer="sgd", learning_rate=0.05), few_digits, model_file=file)
    still = small_run(epochs=4, optimizer="sgd", learning_rate=1e-12).replace(start_from=str(file), seed=77)
    continued = train_here(still, few_digits)
    last, tested = of(RunFinished, first)[0], of(RunFinished, continued)[0]
    assert tested.test_loss == pytest.approx(last.test_loss, rel=1e-5)
    assert of(Record, continued)[-1].validation_accuracy >= of(Record, first)[0].validation_accuracy


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("missing", "it does not exist"),
        ("damaged", "it holds no network"),
        ("other architecture", "its layer 'conv_1' is Conv-3x3x8, and mlp_1 has FC-32 there; set "),
    ],
)
def test_a_network_that_does_not_fit_is_refused_in_a_sentence(
    few_digits: PreparedData, tmp_path: Path, what: str, why: str, store: Store
) -> None:
    file = tmp_path / "first.keras"
    if what == "damaged":
        file.write_bytes(b"PK\x03\x04 no archive")
    if what == "other architecture":
        build_network("cnn_5", few_digits.info.shape, 10, small_run().network, seed=1).save(file)
    run = small_run().replace(start_from=str(file))
    events: list[Event] = []
    executor = InlineExecutor()
    (task,) = train_tasks(small_spec())
    with closing(ControlChannel()) as control:
        executor.run([replace(task, spec=run)], events.append, control)
    (end,) = of(RunFinished, events)
    assert end.status is Status.FAILED
    assert end.reason.startswith(f"Training can't be continued from {file}: {why}")
    assert end.reason.count("\n") == 0
