"""engine.workspace.queue: waiting experiments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.config.specs import ExperimentSpec
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.base import Experiment
from engine.experiments.continuation import CONTINUATION_EXPERIMENT
from engine.storage.locks import owner_lock
from engine.storage.store import Store
from engine.utils.errors import DatasetError, SpecError
from engine.workspace.queue import QueueStore
from tests.engine.support import (
    opened_by_many,
    small_spec,
    sql,
)


@pytest.fixture
def queue(workspace: Path) -> Iterator[QueueStore]:
    with closing(QueueStore(workspace)) as opened:
        yield opened


def seeds(queue: QueueStore) -> list[int]:
    return [entry.spec.seed for entry in queue.all()]  # type: ignore[attr-defined]


def add(queue: QueueStore, *numbers: int) -> list[int]:
    return [queue.add(ARCHITECTURES_EXPERIMENT, small_spec(seed=seed)).id for seed in numbers]


def test_what_waits_is_taken_in_its_order_and_once(queue: QueueStore) -> None:
    add(queue, 1, 2)
    assert [entry.spec for entry in queue.all()] == [small_spec(seed=1), small_spec(seed=2)]
    with owner_lock(queue.workspace) as owner:
        taken = [queue.take(owner), queue.take(owner), queue.take(owner)]
        assert [entry and entry.spec for entry in taken] == [small_spec(seed=1), small_spec(seed=2), None]
    assert seeds(queue) == [1, 2], "their owner ended before they were stored"


def test_an_entry_leaves_the_queue_as_its_experiment_is_stored(queue: QueueStore, store: Store) -> None:
    add(queue, 1, 2)
    with owner_lock(queue.workspace) as owner:
        taken = queue.take(owner)
        assert taken is not None
        store.add_experiment("architectures", taken.spec.to_json(), 1, None, 1, owner, taken.id)
    assert seeds(queue) == [2]


def test_the_order_can_be_changed_and_outlives_the_program(queue: QueueStore, workspace: Path) -> None:
    first, second, third = add(queue, 1, 2, 3)
    queue.reorder([third, first])
    with closing(QueueStore(workspace)) as again:
        assert seeds(again) == [3, 1, 2], "an entry that was not named comes last"
        again.remove(first)
        assert seeds(queue) == [3, 2]
        queue.remove(first)
    assert second in [entry.id for entry in queue.all()]


@pytest.mark.parametrize(
    ("experiment", "spec", "words"),
    [
        (CONTINUATION_EXPERIMENT, CONTINUATION_EXPERIMENT.preset("quick"), "Choose the trained network to go on from"),
        (ARCHITECTURES_EXPERIMENT, small_spec(dataset="/nowhere/photos"), "There is no data set '/nowhere/photos'"),
    ],
)
def test_what_can_not_begin_is_refused_and_not_queued(
    queue: QueueStore, experiment: Experiment, spec: ExperimentSpec, words: str
) -> None:
    with pytest.raises((SpecError, DatasetError), match=words):
        queue.add(experiment, spec)
    assert queue.all() == []


def test_each_is_taken_by_one_of_many(queue: QueueStore, workspace: Path) -> None:
    add(queue, *range(20))
    taken: list[int] = []
    everyone_is_done = threading.Barrier(8)

    def take(store: Store) -> None:
        with closing(QueueStore(store.workspace)) as own, owner_lock(store.workspace) as owner:
            while (entry := own.take(owner)) is not None:
                taken.append(entry.id)
            everyone_is_done.wait(timeout=60)

    assert opened_by_many(workspace, take) == []
    assert len(taken) == len(set(taken)) == 20


def test_an_entry_of_another_version_is_passed_over(queue: QueueStore) -> None:
    add(queue, 1)
    for experiment, spec in (("of tomorrow", "{}"), ("architectures", '{"tomorrow": 1}')):
        insert = "INSERT INTO queue (place, experiment, spec, added) VALUES (0, ?, ?, 0.0)"
        sql(queue.workspace, insert, experiment, spec)
    assert seeds(queue) == [1]
    with owner_lock(queue.workspace) as owner:
        taken = queue.take(owner)
    assert taken is not None
    assert taken.spec == small_spec(seed=1)
