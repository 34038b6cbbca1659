"""Which experiments the runs of a folder are in, as the user groups and deletes them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.events.experiments import ExperimentFinished, ExperimentStarted
from engine.events.runs import Status
from engine.events.watching import Grouping, WatchedEvent, WatchEvent, WatchRequest
from engine.utils.errors import StoreError, TrainscopeError
from engine.watching.folder import ADD_SECONDS
from engine.watching.sources.base import Source
from engine.watching.sources.discovery import FolderScan
from engine.watching.watcher import Watcher
from engine.workspace.catalogue import Catalogue
from tests.engine.watching.support import Log, opened, watching


def test_runs_can_be_grouped_otherwise(tmp_path: Path, folder: Path) -> None:
    logs = Log(folder, "a"), Log(folder, "b")
    for log in logs:
        log.header()
        log.steps(10)
        log.line(ended="finished")
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        key = logs[1].file.relative_to(folder).as_posix()
        with pytest.raises(StoreError, match="the same repeat"):
            seen.watcher.regroup(1, {key: Grouping("study", "a", 1)})
        seen.watcher.regroup(1, {key: Grouping("study", "a", 2)})
        assert set(seen.runs) >= {("a", 1), ("a", 2)}
        seen.watcher.regroup(1, {key: Grouping("apart", "c", 1)})
        seen.poll()
        assert sorted(each.name for each in seen.state.experiments) == ["apart", "study"]
        with pytest.raises(TrainscopeError, match="not watched"):
            seen.watcher.regroup(99, {})
    with watching(tmp_path / "ws", folder) as seen:  # kept
        seen.poll()
        assert seen.finished == [("apart", 1), ("study", 1)]
        seen.watcher.watch(WatchRequest(str(folder), ((key, Grouping("study", "b", 7)),)))  # asked for once more
        seen.poll()
        assert ("b", 7) in seen.runs
    events: list[WatchEvent] = []
    with closing(Watcher(tmp_path / "ws", events.append)) as again:
        again.watch(WatchRequest(str(folder), ((key, Grouping("study", "b", 8)),)))
        again.poll()
    with opened(tmp_path / "ws") as store:
        assert [(run.spec.variant, run.spec.repeat) for run in store.runs(1)] == [("a", 1), ("b", 8)]


def test_runs_that_are_grouped_without_a_number_get_the_next_free_one(tmp_path: Path, folder: Path) -> None:
    logs = [Log(folder, "a"), Log(folder, "b"), Log(folder, "b", repeat=2), Log(folder, "c")]
    for log in logs:
        log.header()
        log.steps(10)
        log.line(ended="finished")
    keys = [log.file.relative_to(folder).as_posix() for log in logs]
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
    logs[3].file.unlink()  # it keeps its place
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        seen.watcher.regroup(1, {keys[0]: Grouping("study", "a", 0), keys[1]: Grouping("study", "a", 0)})
        seen.watcher.regroup(1, {keys[2]: Grouping("study", "c", 0)})
        with pytest.raises(StoreError, match="the same repeat"):
            seen.watcher.regroup(1, {keys[2]: Grouping("study", "c", 1)})
        with pytest.raises(TrainscopeError, match="is not there now"):
            seen.watcher.regroup(1, {keys[3]: Grouping("study", "d", 1)})
    with opened(tmp_path / "ws") as store:
        places = [(run.spec.variant, run.spec.repeat) for run in store.runs(1)]
    assert places == [("a", 1), ("a", 2), ("c", 2), ("c", 1)]


def test_an_experiment_of_which_all_runs_are_moved_has_ended(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header()
    log.steps(10)
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        seen.watcher.regroup(1, {log.file.relative_to(folder).as_posix(): Grouping("renamed", "cnn_4", 1)})
        assert WatchedEvent(1, ExperimentFinished(1, Status.FINISHED, "")) in seen.events
        seen.poll()
        (state,) = seen.state.experiments
        assert (state.number, state.name, state.running) == (2, "renamed", 1)


def test_a_folder_is_watched_by_one_program(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    with watching(tmp_path / "ws", folder):
        other = Watcher(tmp_path / "ws", lambda _event: None)
        with pytest.raises(StoreError, match="watched by another window"):
            other.watch(WatchRequest(str(folder)))
        other.close()
    with watching(tmp_path / "ws", folder):
        pass


@pytest.mark.parametrize("is_purged", [False, True])
def test_a_deleted_experiment_comes_back_only_if_it_is_asked_for(tmp_path: Path, folder: Path, is_purged: bool) -> None:
    log = Log(folder)
    log.header()
    log.steps(10)
    log.line(ended="finished")
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
    with closing(Catalogue(tmp_path / "ws")) as catalogue:
        catalogue.delete([1])
        if is_purged:
            catalogue.purge([1])
    with watching(tmp_path / "ws", folder) as seen:
        assert seen.poll() == []
    with watching(tmp_path / "ws", folder, again=True) as seen:
        assert isinstance(seen.poll()[0], ExperimentStarted)
    with watching(tmp_path / "ws", folder) as seen:
        assert seen.poll() == []  # stored by now
        assert seen.finished[0][1] == 1


@pytest.mark.parametrize("is_purged", [False, True])
def test_what_is_logged_after_a_deletion_is_a_new_experiment(tmp_path: Path, folder: Path, is_purged: bool) -> None:
    first, second, other = Log(folder), Log(folder, repeat=2), Log(folder, experiment="other")
    first.header()
    first.steps(10)
    first.line(ended="finished")
    with watching(tmp_path / "ws", folder) as seen, closing(Catalogue(tmp_path / "ws")) as catalogue:
        seen.poll()
        catalogue.delete([1])
        if is_purged:
            catalogue.purge([1])
        for log in (second, other):
            log.header()
            log.steps(10)
            log.line(ended="finished")
        first.header()  # resumed in spite of that: its experiment is not wanted any more
        first.steps(20)
        seen.poll()
        assert seen.state.problems == ()
        assert seen.finished == [("other", 1), ("study", 1)]
        if is_purged:
            return
        (number,) = [each.number for each in seen.state.experiments if each.name == "study"]
        catalogue.restore([1])
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        (study,) = (each for each in seen.state.experiments if each.name == "study")
        assert (study.number, study.count(Status.FINISHED)) == (number, 1)
    with opened(tmp_path / "ws") as store:
        assert [(run.spec.repeat, len(store.records(run.id))) for run in store.runs(number)] == [(2, 1)]


def test_a_folder_that_fails_does_not_keep_the_others_from_being_read(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    discover = FolderScan.discover
    scans: list[FolderScan] = []

    def failing(scan: FolderScan, known: Collection[str]) -> Iterator[Source]:
        scans.append(scan)
        if scan is scans[0]:
            raise RuntimeError("broken")
        return discover(scan, known)

    monkeypatch.setattr(FolderScan, "discover", failing)
    log = Log(folder)
    log.header()
    log.steps(10)
    with watching(tmp_path / "ws", tmp_path / "broken") as seen:
        seen.watcher.watch(WatchRequest(str(folder)))
        with pytest.raises(RuntimeError, match="broken"):
            seen.poll()
        assert list(seen.runs) == [("cnn_4", 1)]


def test_many_runs_are_added_piece_by_piece(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for repeat in (1, 2, 3):
        log = Log(folder, repeat=repeat)
        log.header()
        log.steps(10)
        log.line(ended="finished")
    times = itertools.count()
    monkeypatch.setattr("engine.watching.folder.time.monotonic", lambda: ADD_SECONDS * next(times))
    with watching(tmp_path / "ws", folder) as seen:
        counts = []
        while seen.watcher.poll():
            assert not seen.watcher.is_done
            counts.append(seen.state.experiments[0].count(Status.FINISHED))
        assert (counts, seen.watcher.is_done) == ([1, 2], True)
        assert seen.state.experiments[0].count(Status.FINISHED) == 3
        assert [type(each.event) for each in seen.events if isinstance(each, WatchedEvent)].count(
            ExperimentFinished
        ) == 1


def test_a_copy_of_a_log_is_no_further_repeat(tmp_path: Path, folder: Path) -> None:
    log = Log(folder)
    log.header()
    log.steps(10, 20)
    log.line(ended="finished")
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        copy = log.file.with_name("cnn_4-1 (conflicted copy).jsonl")
        copy.write_bytes(log.file.read_bytes())
        seen.poll()
        assert seen.finished == [("study", 1)]
        assert seen.state.problems == (
            f"study/{copy.name} is a copy of study/{log.file.name} and is left out; remove one of them.",
        )
    with watching(tmp_path / "ws", folder) as seen:
        seen.poll()
        assert seen.finished == [("study", 1)]
