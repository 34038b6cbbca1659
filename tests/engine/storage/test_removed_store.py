"""engine.storage.database when its file is removed or replaced while it is in use: no data lost."""

from __future__ import annotations

import os
import shutil
from contextlib import closing, suppress
from pathlib import Path

import pytest

from engine.events.runs import Status
from engine.storage.files import move_into_place
from engine.storage.store import Store
from engine.utils.errors import StoreError
from tests.engine.storage.faults import at_step, is_whole, train
from tests.engine.support import (
    planned,
    record,
    small_spec,
)

posix_only = pytest.mark.skipif(os.name == "nt", reason="an open file can't be removed on Windows")


@posix_only
@pytest.mark.parametrize("what", ["file", "file and log", "folder"])
def test_a_file_removed_during_a_training_is_written_again(
    workspace: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    store = Store(workspace)
    planned(store)  # an earlier experiment

    def remove() -> None:
        match what:
            case "file":
                store.file.unlink()
            case "file and log":
                for file in store.workspace.glob("trainscope.sqlite3*"):
                    file.unlink()
            case "folder":
                shutil.rmtree(store.workspace)

    outcome, shown = train(store, 30, at_step(100, remove))
    assert (outcome.status, len(shown)) == (Status.FINISHED, 30)
    assert caplog.messages == [
        f"{store.file} was removed or replaced while it was in use; everything that was in it is there again."
    ]
    store.close()
    with closing(Store(store.workspace)) as again:
        assert again.records(2) == shown
        assert again.experiment(2).status is Status.FINISHED
        assert [run.id for run in again.runs(1)] == [1]
    assert is_whole(store.file)
    assert list(store.workspace.glob("*.rescued-*")) == []


@posix_only
def test_a_store_begun_anew_in_the_place_of_a_removed_one_takes_up_all_of_it(store: Store) -> None:
    """The history opened the workspace between the removal and the next record."""

    def remove() -> None:
        store.file.unlink()
        Store(store.workspace).close()

    outcome, shown = train(store, 30, at_step(100, remove))
    assert outcome.status is Status.FINISHED
    with closing(Store(store.workspace)) as again:
        assert again.records(1) == shown
    assert is_whole(store.file)
    assert list(store.workspace.glob("*.rescued-*")) == []


@posix_only
@pytest.mark.parametrize("times", [1, 2])
def test_a_file_removed_again_before_it_is_open_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    left = [None] * times

    def put_and_remove(rescued: Path, file: Path) -> bool:
        found = move_into_place(rescued, file)
        if left:
            left.pop()
            file.unlink()
            return True
        return found

    _, (run,) = planned(store)
    store.add(record(run.run, 10))
    store.file.unlink()
    monkeypatch.setattr("engine.storage.database.move_into_place", put_and_remove)
    with suppress(StoreError):
        store.add(record(run.run, 20))
    store.add(record(run.run, 30))
    assert {each.step for each in store.records(run.run)} >= {10, 30}
    assert is_whole(store.file)


@posix_only
def test_a_drive_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "drive" / "workspace")) as store:
        _, (run,) = planned(store)
        (tmp_path / "drive").rename(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match=r"can't be written \(.*No such file.*; check the folder"):
            store.add(record(run.run))
        assert not (tmp_path / "drive").exists()
        (tmp_path / "elsewhere").rename(tmp_path / "drive")  # reconnected
        store.add(record(run.run))
        assert len(store.records(run.run)) == 1


@posix_only
def test_two_trainings_whose_file_was_removed_go_on_in_one(store: Store) -> None:
    with closing(Store(store.workspace)) as other:
        _, (run,) = planned(store)
        _, (second,) = planned(other)
        store.file.unlink()
        store.add(record(run.run, 10))
        other.add(record(second.run, 10))
        store.add(record(run.run, 20))
        assert other.is_in_place
        assert [len(other.records(each)) for each in (run.run, second.run)] == [2, 1]
    assert list(store.workspace.glob("*.rescued-*")) == []


@posix_only
@pytest.mark.parametrize("by", ["another store", "garbage", "a folder"])
def test_what_takes_the_place_of_a_store_is_left_alone(store: Store, tmp_path: Path, by: str) -> None:
    with closing(Store(tmp_path / "other")) as other:
        planned(other, small_spec(seed=5))
    content = other.file.read_bytes() if by == "another store" else b"no database " * 1000

    def replace() -> None:
        store.file.unlink()
        if by == "a folder":
            store.file.mkdir()
        else:
            (tmp_path / "new").write_bytes(content)
            (tmp_path / "new").rename(store.file)

    place = store.file
    outcome, shown = train(store, 30, at_step(100, replace))
    assert outcome.status is Status.FAILED
    (rescued,) = store.workspace.glob("*.rescued-*-[0-9][0-9][0-9][0-9][0-9][0-9]")
    assert f"{place} was replaced by another file" in outcome.reason
    assert f"is kept in {rescued}: close the program" in outcome.reason
    assert len(shown) == 10
    assert store.records(1) == shown
    assert store.experiment(1).status is Status.FAILED  # the end is stored in the rescued file
    if by == "another store":
        with closing(Store(store.workspace)) as found:
            assert found.experiment(1).seed == 5
    elif by == "garbage":
        assert place.read_bytes() == content
    assert is_whole(rescued)


@posix_only
def test_a_store_that_can_not_be_put_back_says_so_and_stays_open(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _, (run,) = planned(store)
    store.file.unlink()

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.storage.files.os.fsync", fail)
    with pytest.raises(StoreError, match="the disk is full; make room"):
        store.add(record(run.run))
    assert list(store.workspace.glob("*.rescued-*")) == []
    monkeypatch.undo()
    store.add(record(run.run))
    assert store.is_in_place
    assert len(store.records(run.run)) == 1


@posix_only
def test_whoever_only_reads_does_not_bring_a_removed_store_back(store: Store) -> None:
    planned(store)
    with closing(Store(store.workspace)) as reader:
        store.close()
        store.file.unlink()
        assert len(reader.runs(1)) == 1
        assert not reader.is_in_place
    assert not store.file.exists()
