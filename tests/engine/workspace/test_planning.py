"""engine.workspace.planning: which runs are trained, kept, resumed or discarded; Store.begin, which stores a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.events.runs import Checkpoint, Status
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.experiments.architectures.experiment import ARCHITECTURES_EXPERIMENT
from engine.experiments.basics.experiment import BASICS_EXPERIMENT
from engine.storage.store import BeginRequest, Store
from engine.utils.errors import StoreError
from engine.workspace.catalogue import Catalogue
from engine.workspace.planning import Plan, plan_further_runs, plan_new, plan_resume
from tests.engine.support import INFO, ScriptedExecutor, finished, record, run_session, small_spec, started

UNTESTED: dict[str, Any] = {"test_accuracy": None, "confusion": None, "reason": "Because."}


def stored(store: Store) -> None:
    """Store experiment 1, whose runs finished, crashed after a record, and crashed without one."""

    def answer(task: TrainTask) -> list[Event]:
        if task.run == 1:
            return [started(1), record(1), finished(1)]
        records = [record(2)] if task.run == 2 else []
        return [started(task.run), *records, finished(task.run, Status.CRASHED, **UNTESTED)]

    run_session(store, ScriptedExecutor(answer), small_spec(repeats=3))


def sorted_runs(plan: Plan) -> dict[str, list[int]]:
    return {name: [run.id for run in getattr(plan, name)] for name in ("kept", "resumed", "discarded")}


def test_a_new_experiment_has_all_runs_of_its_settings_and_no_stored_ones() -> None:
    plan = plan_new(ARCHITECTURES_EXPERIMENT, small_spec(repeats=3, seed=5))
    assert [(run.variant, run.repeat) for run in plan.runs] == [("mlp_1", 1), ("mlp_1", 2), ("mlp_1", 3)]
    assert sorted_runs(plan) == {"kept": [], "resumed": [], "discarded": []}
    assert (plan.stored, plan.size, plan.seed, plan.threads) == (None, 3, 5, None)


def test_a_computed_experiment_has_no_runs() -> None:
    plan = plan_new(BASICS_EXPERIMENT, BASICS_EXPERIMENT.preset("quick", seed=7))
    assert (plan.runs, plan.size, plan.seed) == ((), 1, 7)


def test_further_runs_keep_what_was_recorded_and_forget_what_never_came_to_it(store: Store) -> None:
    stored(store)
    plan = plan_further_runs(store, ARCHITECTURES_EXPERIMENT, small_spec(repeats=5), 1)
    assert sorted_runs(plan) == {"kept": [1, 2], "resumed": [], "discarded": [3]}
    assert (plan.size, plan.threads) == (3, None)


def test_the_rest_resumes_every_run_that_can_go_on_with_its_threads(store: Store) -> None:
    stored(store)
    plan = plan_resume(store, ARCHITECTURES_EXPERIMENT, 1)
    assert sorted_runs(plan) == {"kept": [1], "resumed": [2, 3], "discarded": []}
    assert (plan.spec, plan.size, plan.threads) == (small_spec(repeats=3), 2, 1)


def test_what_was_thrown_away_or_trained_on_other_images_gets_no_further_runs(store: Store) -> None:
    stored(store)
    plan = plan_resume(store, ARCHITECTURES_EXPERIMENT, 1)
    plan.check_images(INFO)
    with pytest.raises(StoreError, match="are no longer those that experiment 1 was trained on"):
        plan.check_images(replace(INFO, fingerprint="of others"))
    catalogue = Catalogue(store.workspace)
    catalogue.delete([1])
    catalogue.close()
    with pytest.raises(StoreError, match="was deleted"):
        plan_resume(store, ARCHITECTURES_EXPERIMENT, 1)


# Storing a plan


def request(**changes: Any) -> BeginRequest:
    spec = small_spec(repeats=2)
    runs = ARCHITECTURES_EXPERIMENT.plan(spec)
    values: dict[str, Any] = {"number": None, "name": "architectures", "spec": spec.to_json(), "seed": 1}
    values |= {"dataset": INFO, "workers": 2, "owner": "", "runs": runs}
    return BeginRequest(**values | {"parameters": [1] * len(runs), "total_steps": [26] * len(runs)} | changes)


def test_only_runs_that_are_not_there_yet_are_added_and_only_those_to_train_are_pending(store: Store) -> None:
    stored(store)
    opened = store.begin(request(number=1, resumed=[2], discarded=[3]))
    assert [run.id for run in opened.stored] == [1, 2]
    assert [run.run for run in opened.planned] == [1, 2]
    assert [run.run for run in opened.pending] == [2]
    assert [run.status for run in store.runs(1)] == [Status.FINISHED, Status.QUEUED]


def test_a_run_that_takes_the_number_of_a_forgotten_one_begins_anew(store: Store) -> None:
    stored(store)
    store.add(Checkpoint(3, 5, b"of the one that is discarded"))
    spec = small_spec(repeats=3)
    runs = ARCHITECTURES_EXPERIMENT.plan(spec)
    sizes = {"parameters": [1] * 3, "total_steps": [26] * 3}
    (again,) = store.begin(request(number=1, spec=spec.to_json(), runs=runs, discarded=[3], **sizes)).pending
    assert (again.run, store.interrupted(again.run)) == (3, None)


def test_what_can_not_be_stored_whole_leaves_the_store_as_it_was(store: Store) -> None:
    stored(store)
    before = store.experiment(1), [run.status for run in store.runs(1)]
    with pytest.raises(ValueError, match="shorter"):
        store.begin(request(number=1, resumed=[2], discarded=[3], total_steps=[]))
    with pytest.raises(ValueError, match="shorter"):
        store.begin(request(total_steps=[]))
    assert (store.experiment(1), [run.status for run in store.runs(1)]) == before
    assert [experiment.id for experiment in store.experiments(10)] == [1]
