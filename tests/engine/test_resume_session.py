"""Sessions resume interrupted experiments with the runs that are missing."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config.specs import ExperimentSpec
from engine.events.channel import ControlChannel
from engine.events.experiments import Computation, ExperimentFinished, ExperimentStarted
from engine.events.runs import (
    Checkpoint,
    Interrupted,
    Intervention,
    InterventionKind,
    Record,
    RunRestored,
    Status,
)
from engine.events.tasks import Event
from engine.executors.base import Executor
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.base import Experiment
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from engine.session import Session
from engine.storage.locks import is_owner_alive, owner_lock
from engine.storage.recovery import DISMISSED_REASON, INTERRUPTED_REASON, Recovery
from engine.storage.store import Store
from engine.utils.paths import lock_folder
from tests.engine.support import (
    INFO,
    ScriptedExecutor,
    finished,
    of,
    planned,
    record,
    run_session,
    small_spec,
    sql,
    started,
    timeless,
    weights,
)


def resumed(
    store: Store, executor: Executor, number: int = 1, experiment: Experiment = ARCHITECTURES_EXPERIMENT
) -> tuple[ExperimentFinished, list[Event]]:
    events: list[Event] = []
    with closing(ControlChannel()) as control:
        return Session(store, executor, events.append, control).resume(experiment, number), events


def killed(store: Store, runs: int = 2, workspace: Path | None = None) -> int:
    """An experiment whose program was killed: run 1 finished, run 2 had a checkpoint at 10 and a record after it."""
    number, (first, *others) = planned(store, small_spec(repeats=runs))
    for event in (started(first.run), record(first.run), finished(first.run)):
        store.add(event)
    for event in (
        started(others[0].run),
        weights(others[0].run),
        record(others[0].run, 10),
        Checkpoint(others[0].run, 10, b"as it was at 10"),
        record(others[0].run, 20),
        weights(others[0].run, 20, 1),
    ):
        store.add(event)
    return number


def recovered(store: Store) -> int | None:
    with closing(Recovery(store.workspace)) as recovery:
        recovery.mark_interrupted()
        return recovery.newest()


def test_what_a_killed_program_left_is_found_and_ended(store: Store) -> None:
    number = killed(store, runs=3)
    assert recovered(store) == number
    assert (store.experiment(number).status, store.experiment(number).reason) == (
        Status.INTERRUPTED,
        INTERRUPTED_REASON,
    )
    assert [run.status for run in store.runs(number)] == [Status.FINISHED, *[Status.INTERRUPTED] * 2]
    assert (store.experiment(number).seconds or -1.0) >= 0.0
    assert len(store.records(2)) == 2, "nothing that was recorded is lost"


def test_what_another_program_is_carrying_out_is_left_alone(store: Store) -> None:
    with owner_lock(store.workspace) as owner:
        number = store.add_experiment("architectures", small_spec().to_json(), 0, INFO, 1, owner)
        assert recovered(store) is None
        assert store.experiment(number).status is Status.RUNNING
    assert recovered(store) == number
    assert not list(lock_folder(store.workspace).iterdir())


def test_a_name_that_is_no_locks_is_nobodys_and_what_it_names_is_left_alone(store: Store) -> None:
    """A store of unknown origin may contain any name."""
    outside = store.workspace.parent / "letter.lock"
    outside.write_text("to keep", encoding="utf-8")
    lock_folder(store.workspace).mkdir()
    for name in ("", "../../letter.lock", str(outside), f"{'0' * 32}.lock", None, 7, b"letter"):
        assert not is_owner_alive(store.workspace, name)
    assert outside.read_text(encoding="utf-8") == "to keep"


def test_a_session_holds_its_experiment_and_lets_it_go(store: Store) -> None:
    seen = []

    def answer(task: Any) -> list[Event]:
        ((owner,),) = sql(store.workspace, "SELECT owner FROM experiments")
        seen.append(is_owner_alive(store.workspace, owner))
        return [started(task.run), record(task.run), finished(task.run)]

    run_session(store, ScriptedExecutor(answer), small_spec())
    assert seen == [True]
    assert not list(lock_folder(store.workspace).iterdir())


def test_an_experiment_goes_on_with_what_is_missing(store: Store) -> None:
    number = killed(store, runs=3)
    recovered(store)
    executor = ScriptedExecutor()
    ended, events = resumed(store, executor)
    assert (ended.experiment, ended.status, ended.reason) == (number, Status.FINISHED, "")
    tasks = [task for task in executor.tasks if isinstance(task, TrainTask)]
    assert [(task.run, task.interrupted) for task in tasks] == [(2, Interrupted(b"as it was at 10")), (3, None)]
    assert [len(each.runs) for each in of(ExperimentStarted, events)] == [3]
    told = {each.run: (each.status, len(each.curves["step"])) for each in of(RunRestored, events)}
    assert told == {1: (Status.FINISHED, 1), 2: (Status.QUEUED, 2), 3: (Status.QUEUED, 0)}
    assert [run.status for run in store.runs(number)] == [Status.FINISHED] * 3
    assert recovered(store) is None
    assert store.interrupted(2) is None, "a finished run needs no checkpoint"


def test_records_after_the_checkpoint_are_replaced_and_those_beyond_the_end_removed(store: Store) -> None:
    killed(store)
    store.add(record(2, 30))
    recovered(store)

    def answer(task: Any) -> list[Event]:
        again = record(task.run, 20, training_loss=0.5)
        return [replace(started(task.run), after=10), again, finished(task.run, Status.STOPPED, steps=24)]

    resumed(store, ScriptedExecutor(answer))
    assert [(each.step, each.training_loss) for each in store.records(2)] == [(10, 2.25), (20, 0.5)]
    assert store.interrupted(2) == Interrupted(b"as it was at 10"), "a stopped run can go on once more"


def test_an_interruption_before_the_first_new_record_loses_none_of_the_old_ones(store: Store) -> None:
    killed(store)
    recovered(store)
    resumed(store, ScriptedExecutor(lambda task: [task.failed(Status.CANCELLED, "Not started.")]))
    assert [each.step for each in store.records(2)] == [10, 20]


def test_rates_set_by_hand_after_the_checkpoint_go_along(store: Store) -> None:
    killed(store)
    for step, rate in ((5, 0.5), (14, 0.25), (20, 0.125)):
        store.add(Intervention(2, step, 1.0, InterventionKind.LEARNING_RATE, rate))
    assert store.interrupted(2) == Interrupted(b"as it was at 10", ((14, 0.25), (20, 0.125)))


def test_two_programs_can_not_go_on_with_the_same_experiment(store: Store, tmp_path: Path) -> None:
    killed(store)
    recovered(store)
    outcomes = []

    def answer(task: Any) -> list[Event]:
        with closing(Store(store.workspace)) as other:
            outcomes.append(resumed(other, ScriptedExecutor())[0])
        return [started(task.run), record(task.run, 20), finished(task.run)]

    ended, _ = resumed(store, ScriptedExecutor(answer))
    (refused,) = outcomes
    assert (refused.experiment, refused.status) == (None, Status.FAILED)
    assert "is under way, maybe in another window" in refused.reason
    assert ended.status is Status.FINISHED


def test_a_program_killed_before_its_runs_were_stored_leaves_an_experiment_that_can_go_on(store: Store) -> None:
    number = store.add_experiment("architectures", small_spec(repeats=2).to_json(), 0, INFO, 1)
    assert recovered(store) == number
    ended, _ = resumed(store, ScriptedExecutor())
    assert ended.status is Status.FINISHED
    assert [run.status for run in store.runs(number)] == [Status.FINISHED] * 2


def test_a_crashed_run_is_tried_again_and_a_skipped_one_is_not(store: Store) -> None:
    ends = {1: Status.CRASHED, 2: Status.SKIPPED, 3: Status.FINISHED}
    run_session(store, ScriptedExecutor(lambda task: [task.failed(ends[task.run], "Why.")]), small_spec(repeats=3))
    executor = ScriptedExecutor()
    assert recovered(store) == 1
    resumed(store, executor)
    assert [task.run for task in executor.tasks if isinstance(task, TrainTask)] == [1]
    assert [run.status for run in store.runs(1)] == [Status.FINISHED, Status.SKIPPED, Status.FINISHED]


def test_what_its_owner_leaves_is_offered_no_more_but_can_go_on(store: Store) -> None:
    number = killed(store)
    recovered(store)
    with closing(Recovery(store.workspace)) as recovery:
        recovery.dismiss(number)
        assert recovery.newest(statuses=[Status.INTERRUPTED]) is None
        assert recovery.newest() == number
    assert (store.experiment(number).status, store.experiment(number).reason) == (Status.CANCELLED, DISMISSED_REASON)


def test_a_computed_experiment_is_computed_anew(store: Store) -> None:
    def compute(_spec: Any, _tell: Any, _progress: Any) -> Computation:
        return Computation({"answer": 42}, {"array": np.arange(3)})

    experiment = replace(BASICS_EXPERIMENT, spec=ExperimentSpec, compute=compute)
    number = store.add_experiment("basics", ExperimentSpec().to_json(), 0, None, 1)
    assert recovered(store) == number
    ended, _ = resumed(store, InlineExecutor(), number, experiment)
    assert (ended.experiment, ended.status) == (number, Status.FINISHED)
    found = store.computation(number)
    assert found is not None
    assert found.findings == {"answer": 42}


@pytest.mark.long
def test_an_experiment_of_stages_killed_at_any_moment_comes_to_the_same_end(workspace: Path, tmp_path: Path) -> None:
    """Killed repeatedly, each time after more records, until it finishes."""
    experiment = SCHEDULE_EXPERIMENT
    spec = experiment.preset("quick", architecture="mlp_1", epochs=4, repeats=1, patience=1)
    with closing(Store(tmp_path / "whole")) as whole, closing(Store(workspace)) as store:
        ended, _ = run_session(whole, InlineExecutor(), spec, experiment=experiment)
        assert ended.status is Status.FINISHED
        kills = 0
        with pytest.raises(Killed):
            run_session(store, InlineExecutor(), spec, Killer(17), experiment=experiment)
        for records in (1, 23, 1_000_000):
            kills += 1
            assert recovered(store) == 1
            try:
                again = resumed_until(store, records)
            except Killed:
                continue
            break
        assert again.status is Status.FINISHED
        assert kills > 1
        runs, expected = store.runs(1), whole.runs(1)
        assert [(r.spec, r.status, r.test_loss) for r in runs] == [(r.spec, r.status, r.test_loss) for r in expected]
        for run, other in zip(runs, expected, strict=True):
            assert timeless(replace(each, run=0) for each in store.records(run.id)) == timeless(
                replace(each, run=0) for each in whole.records(other.id)
            )


class Killed(BaseException):
    """Stands for a signal that can't be caught."""


class Killer:
    """Receives events and dies at the n-th record."""

    def __init__(self, records: int) -> None:
        self._left = records

    def __call__(self, event: Event) -> None:
        self._left -= isinstance(event, Record)
        if not self._left:
            raise Killed


def resumed_until(store: Store, records: int) -> ExperimentFinished:
    with closing(ControlChannel()) as control:
        return Session(store, InlineExecutor(), Killer(records), control).resume(SCHEDULE_EXPERIMENT, 1)
