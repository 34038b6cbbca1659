"""engine.storage.recovery: experiments whose program has ended are found, and resumed, dismissed or removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from engine.events.runs import Status
from engine.storage.locks import owner_lock
from engine.storage.recovery import DISMISSED_REASON, Recovery
from engine.storage.store import Store
from engine.workspace.catalogue import Catalogue
from tests.engine.support import finished, planned, record, small_spec, started

OFFERED = [Status.INTERRUPTED]


@pytest.fixture
def recovery(store: Store) -> Iterator[Recovery]:
    with closing(Recovery(store.workspace)) as opened:
        yield opened


@pytest.fixture
def catalogue(store: Store) -> Iterator[Catalogue]:
    with closing(Catalogue(store.workspace)) as opened:
        yield opened


def under_way(store: Store, *ends: Status) -> int:
    """Store a running experiment of three runs, the first of which have ended as ``ends``; return its number."""
    number, runs = planned(store, small_spec(repeats=3))
    for run, status in zip(runs, ends, strict=False):
        for event in (started(run.run), record(run.run), finished(run.run, status)):
            store.add(event)
    return number


def test_what_lost_its_program_is_marked_and_the_newest_offered_first(store: Store, recovery: Recovery) -> None:
    older, newer = under_way(store), under_way(store, Status.FINISHED)
    with owner_lock(store.workspace) as owner:
        held = store.add_experiment("architectures", "{}", 0, None, 1, owner)
        assert recovery.mark_interrupted() == [older, newer]
        assert recovery.mark_interrupted() == []
        assert store.experiment(held).status is Status.RUNNING
    assert recovery.newest(statuses=OFFERED) == newer
    assert recovery.newest(statuses=OFFERED, exclude=[newer]) == older
    assert recovery.newest(statuses=OFFERED, exclude=[newer, older]) is None


def test_what_is_left_is_offered_no_more_and_can_still_go_on(
    store: Store, recovery: Recovery, catalogue: Catalogue
) -> None:
    number = under_way(store, Status.FINISHED)
    recovery.mark_interrupted()
    recovery.dismiss(number)
    assert recovery.newest(statuses=OFFERED) is None
    assert (store.experiment(number).reason, [run.reason for run in store.runs(number)]) == (
        DISMISSED_REASON,
        ["", DISMISSED_REASON, DISMISSED_REASON],
    )
    assert recovery.newest() == number
    assert catalogue.entry(number).can_resume


@pytest.mark.parametrize(
    ("ends", "status", "left"),
    [
        ([Status.FINISHED] * 3, Status.FINISHED, 0),
        ([Status.FINISHED, Status.DIVERGED, Status.SKIPPED], Status.FINISHED, 0),
        ([Status.DIVERGED] * 3, Status.FAILED, 0),
        ([Status.FINISHED, Status.CRASHED, Status.FINISHED], Status.FINISHED, 1),
        ([Status.STOPPED, Status.CANCELLED, Status.CANCELLED], Status.STOPPED, 3),
    ],
    ids=["finished", "diverged or skipped", "all diverged", "crashed", "stopped"],
)
def test_an_experiment_can_go_on_while_one_of_its_runs_can(
    store: Store, catalogue: Catalogue, ends: list[Status], status: Status, left: int
) -> None:
    number = under_way(store, *ends)
    assert not catalogue.entry(number).can_resume, "it is running"
    store.finish_experiment(number, status, "")
    assert (catalogue.entry(number).unfinished, catalogue.entry(number).can_resume) == (left, left > 0)
    catalogue.delete([number])
    assert not catalogue.entry(number).can_resume


def test_what_ended_before_its_runs_were_stored_can_go_on(store: Store, catalogue: Catalogue) -> None:
    number = store.add_experiment("basics", "{}", 0, None, 1)
    store.finish_experiment(number, Status.CANCELLED, "")
    assert catalogue.entry(number).can_resume


def test_what_was_thrown_away_under_way_can_be_removed_once_its_program_is_gone(
    store: Store, recovery: Recovery, catalogue: Catalogue
) -> None:
    number = under_way(store)
    catalogue.delete([number])
    catalogue.purge([number])
    assert catalogue.entry(number).is_deleted, "another program may be running it"
    recovery.mark_interrupted()
    assert recovery.newest() is None, "deleted experiments are not offered"
    catalogue.purge([number])
    assert catalogue.entries() == []
