"""Stored experiments of logged runs among those that this program runs itself."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from engine.events.runs import RunFinished, RunStarted, Status
from engine.storage.recovery import Recovery
from engine.workspace.catalogue import Catalogue
from engine.workspace.durations.measurements import DurationStore
from tests.logged import logged_record, logged_spec, store_logged, with_gaps


def interrupted(workspace: Path) -> int:
    """Store a logged experiment whose only run was interrupted."""
    return store_logged(
        workspace,
        [logged_spec()],
        lambda run: [*with_gaps(run)[:-1], RunFinished(run.run, Status.INTERRUPTED, "The program ended.")],
    )


def test_they_are_not_resumed_here(workspace: Path) -> None:
    number = interrupted(workspace)
    with closing(Recovery(workspace)) as recovery:
        assert recovery.newest() is None
    with closing(Catalogue(workspace)) as catalogue:
        entry = catalogue.entry(number)
    assert (entry.is_logged, entry.can_resume, entry.difference) == (True, False, "mine")


def test_nothing_is_learned_from_them_about_durations(workspace: Path) -> None:
    def timed(run: object) -> list[object]:
        (_, *_), device = with_gaps(run), with_gaps(run)[0].device
        return [
            RunStarted(run.run, device, {}, (), 0),
            *(logged_record(run.run, step, seconds=step / 10, training_loss=1.0) for step in (10, 20)),
        ]

    store_logged(workspace, [logged_spec()], timed, total_steps=20)
    with closing(DurationStore(workspace)) as store:
        assert store.measurements().runs == []


def test_their_thumbnails_are_means_over_the_lines_through_their_points(workspace: Path) -> None:
    number = store_logged(workspace)
    store_logged(workspace, [logged_spec()], lambda run: [logged_record(run.run, 10, training_loss=1.0)])
    with closing(Catalogue(workspace)) as catalogue:
        made = dict(catalogue.make_thumbnails())
    (curve,) = made[number]
    assert len(curve.values) == 7
    assert list(curve.values) == sorted(curve.values)  # no zigzag between the runs
    assert made[number + 1] == ()
