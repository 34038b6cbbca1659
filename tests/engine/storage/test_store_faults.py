"""engine.storage.database when its file can't be written, is damaged or goes away: one sentence, nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from engine.cli.arguments import parse
from engine.cli.batch import run as run_batch
from engine.events.experiments import ExperimentFinished
from engine.events.runs import Record, Status
from engine.events.tasks import Event
from engine.storage.database import RECORDING_BUSY_SECONDS
from engine.storage.files import copy_store, damage_marker, move_into_place
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.utils.paths import store_file
from tests.engine.storage.test_store_migration import make_version_2, stored_run
from tests.engine.support import (
    ScriptedExecutor,
    finished,
    of,
    one_transaction,
    planned,
    record,
    run_session,
    small_spec,
    started,
)
from tests.limits import with_little_room

SMALL_DISK = 600_000  # bytes

unix_alone = pytest.mark.skipif(os.name == "nt", reason="Windows doesn't let an open file go")


def recording(records: int) -> ScriptedExecutor:
    """Runs of that many records each."""

    def answer(task) -> Iterator[Event]:
        yield started(task.run)
        for step in range(10, 10 * records + 1, 10):
            yield record(task.run, step)
        yield finished(task.run)

    return ScriptedExecutor(answer)


def train(store: Store, records: int, after: Callable[[Record], None]) -> tuple[ExperimentFinished, list[Record]]:
    """How a session ended, and the records that were shown; ``after`` is called once each was."""
    outcome, events = run_session(
        store, recording(records), small_spec(), lambda event: after(event) if isinstance(event, Record) else None
    )
    assert events[-1] == outcome
    return outcome, of(Record, events)


def at_step(step: int, act: Callable[[], object]) -> Callable[[Record], None]:
    return lambda shown: act() and None if shown.step == step else None


def is_whole(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as reader:
        return bool(reader.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


# --- a full disk


def test_a_disk_that_fills_up_ends_the_experiment_and_keeps_what_was_shown(store: Store) -> None:
    def fill() -> None:
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count={pages + 2}")

    outcome, shown = train(store, 500, at_step(100, fill))
    assert outcome.status is Status.FAILED
    assert outcome.reason == (
        f"{store.file} can't be written: the disk is full; make room and try again, what was stored before is kept."
    )
    assert 10 < len(shown) < 500
    assert store.records(1) == shown
    store.connection.execute("PRAGMA max_page_count=100000")
    assert train(store, 20, lambda _shown: None)[0].status is Status.FINISHED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of :data:`SMALL_DISK` bytes; only root may make one."""
    place, mount = tmp_path / "disk", shutil.which("mount")
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(place)]
    if mount is None or subprocess.run([mount, *options], capture_output=True, check=False).returncode:  # noqa: S603
        pytest.skip("this user can't make a disk")
    yield place
    subprocess.run([shutil.which("umount") or "umount", str(place)], check=True)  # noqa: S603


def test_a_real_disk_that_fills_up(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with closing(Store(small_disk / "workspace")) as store:
        ballast.write_bytes(b"\0" * 200_000)
        outcome, shown = train(store, 3000, lambda _shown: None)
        assert outcome.status is Status.FAILED
        assert "the disk is full; make room" in outcome.reason
        assert 10 < len(shown) < 3000
        assert store.records(1) == shown
        ballast.unlink()
        assert train(store, 20, lambda _shown: None)[0].status is Status.FINISHED
    assert is_whole(store.file)


def test_a_store_is_not_brought_up_to_date_where_its_copy_has_no_room(store: Store, small_disk: Path) -> None:
    run = stored_run(store)
    store.close()
    make_version_2(store.file)
    workspace = small_disk / "workspace"
    workspace.mkdir()
    file = Path(shutil.copy(store.file, workspace))
    (small_disk / "ballast").write_bytes(b"\0" * (shutil.disk_usage(small_disk).free - file.stat().st_size // 2))
    before = file.read_bytes()
    with pytest.raises(StoreError, match=r"older Trainscope .* copy can't be written .* nothing has been changed\.$"):
        Store(workspace)
    assert file.read_bytes() == before
    assert list(workspace.iterdir()) == [file]
    (small_disk / "ballast").unlink()
    with closing(Store(workspace)) as again:
        assert len(again.records(run)) == 2


@pytest.mark.parametrize("what", ["database or disk is full", "flush"])
def test_without_its_copy_a_store_is_not_brought_up_to_date(
    store: Store, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """As above, where no disk can be made."""
    run = stored_run(store)
    make_version_2(store.file)

    def fail(*_arguments: object) -> None:
        raise sqlite3.OperationalError(what) if what != "flush" else OSError(28, "No space left on device")

    where = "engine.storage.files.os.fsync" if what == "flush" else "engine.storage.database.copy_store"
    monkeypatch.setattr(where, fail)
    with pytest.raises(StoreError, match=r"copy can't be written .* nothing has been changed\.$"):
        Store(store.workspace)
    monkeypatch.undo()
    with closing(sqlite3.connect(store.file)) as old:
        assert old.execute("PRAGMA user_version").fetchone()[0] == 2
    assert list(store.workspace.glob("*.version-*")) == []
    with closing(Store(store.workspace)) as again:
        assert len(again.records(run)) == 2


def test_a_batch_on_a_full_disk_says_so_and_fails(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Store(workspace).close()
    with_little_room(monkeypatch, workspace, 1)
    monkeypatch.setattr("engine.cli.batch.make_executor", lambda _options: recording(500))
    assert run_batch(parse(["--batch", "architectures", "--workspace", str(workspace)])) == 1
    assert "the disk is full; make room and try again, what was stored before is kept.\n" in capsys.readouterr().err


# --- not to be written


def test_a_store_that_became_read_only_says_so(store: Store) -> None:
    outcome, shown = train(store, 50, at_step(100, lambda: store.connection.execute("PRAGMA query_only=1")))
    assert outcome.status is Status.FAILED
    assert outcome.reason == (
        f"{store.file} can't be written (attempt to write a readonly database); allow writing to the file and its "
        "folder, or choose another workspace."
    )
    assert store.records(1) == shown


def test_a_file_that_may_not_be_written_is_refused_by_name(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anything, so SQLite is told to open it only for reading."""
    Store(workspace).close()
    with closing(sqlite3.connect(store_file(workspace))) as other:
        other.execute("PRAGMA journal_mode=DELETE")
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda file, **_options: connect(f"{file.as_uri()}?mode=ro", uri=True))
    with pytest.raises(StoreError, match=r"can't be opened \(attempt to write a readonly.*choose another workspace\.$"):
        Store(workspace)


# --- another program


def test_a_program_that_writes_too_long_is_told_of(workspace: Path) -> None:
    with closing(Store(workspace, busy_seconds=0.05)) as store, closing(sqlite3.connect(store.file)) as other:
        _, (run,) = planned(store)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as error:
            store.add(record(run.run))
        assert str(error.value) == (
            f"{store.file} can't be written: another program has been writing to it for too long; wait for it or close "
            "it, then try again."
        )
        assert store.runs(1) != []  # reading never waits
        other.rollback()
        store.add(record(run.run))


def test_what_records_waits_for_another_program(workspace: Path) -> None:
    with (
        closing(Store(workspace, RECORDING_BUSY_SECONDS)) as store,
        closing(sqlite3.connect(store.file, check_same_thread=False)) as other,
    ):
        assert store.connection.execute("PRAGMA busy_timeout").fetchone()[0] == 60_000
        _, (run,) = planned(store)
        other.execute("BEGIN IMMEDIATE")
        done = threading.Timer(0.3, other.rollback)
        done.start()
        store.add(record(run.run))
        done.join()
        assert len(store.records(run.run)) == 1


# --- removed or replaced


@unix_alone
@pytest.mark.parametrize("what", ["file", "file and log", "folder"])
def test_a_file_removed_during_a_training_is_written_again(
    workspace: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    store = Store(workspace)
    planned(store)  # an experiment that has ended long ago

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


@unix_alone
def test_a_store_begun_anew_in_the_place_of_a_removed_one_takes_up_all_of_it(store: Store) -> None:
    """The history, say, looked at the workspace before the training wrote again."""

    def remove() -> None:
        store.file.unlink()
        Store(store.workspace).close()

    outcome, shown = train(store, 30, at_step(100, remove))
    assert outcome.status is Status.FINISHED
    with closing(Store(store.workspace)) as again:
        assert again.records(1) == shown
    assert is_whole(store.file)
    assert list(store.workspace.glob("*.rescued-*")) == []


@unix_alone
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


@unix_alone
def test_a_drive_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "drive" / "workspace")) as store:
        _, (run,) = planned(store)
        (tmp_path / "drive").rename(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match=r"can't be written \(.*No such file.*; check the folder"):
            store.add(record(run.run))
        assert not (tmp_path / "drive").exists()
        (tmp_path / "elsewhere").rename(tmp_path / "drive")  # plugged in again
        store.add(record(run.run))
        assert len(store.records(run.run)) == 1


@unix_alone
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


@unix_alone
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
    assert store.experiment(1).status is Status.FAILED  # the end is stored beside it too
    if by == "another store":
        with closing(Store(store.workspace)) as found:
            assert found.experiment(1).seed == 5
    elif by == "garbage":
        assert place.read_bytes() == content
    assert is_whole(rescued)


@unix_alone
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


@unix_alone
def test_whoever_only_reads_does_not_bring_a_removed_store_back(store: Store) -> None:
    planned(store)
    with closing(Store(store.workspace)) as reader:
        store.close()
        store.file.unlink()
        assert len(reader.runs(1)) == 1
        assert not reader.is_in_place
    assert not store.file.exists()


# --- damaged


def damage_pages(file: Path, first: int, last: int) -> None:
    """Garbage in the middle of the file, as a failing disk leaves it."""
    with file.open("rb+") as opened:
        opened.seek(4096 * first)
        opened.write(b"\xa5" * 4096 * (last - first))


def big_store(workspace: Path, experiments: int = 3) -> Path:
    """A store with some experiments of a thousand records."""
    with closing(Store(workspace)) as store:
        for _ in range(experiments):
            _, (run,) = planned(store)
            store.add(started(run.run))
            with one_transaction(store):
                for step in range(10, 10_010, 10):
                    store.add(record(run.run, step))
            store.add(finished(run.run))
    return store.file


def test_damage_met_while_reading_is_told_and_noted_and_nothing_is_moved(workspace: Path) -> None:
    file = big_store(workspace)
    damage_pages(file, 30, 60)
    before = file.read_bytes()
    with closing(Store(workspace)) as store, pytest.raises(StoreError) as error:
        for run in (1, 2, 3):
            store.records(run)
    assert str(error.value) == (
        f"{file} is damaged (database disk image is malformed); close the program and start it again: it then keeps "
        "the damaged file aside and goes on with a new one."
    )
    assert file.read_bytes() == before
    assert damage_marker(file).exists()


def test_damage_met_while_writing_ends_the_experiment_with_a_sentence(workspace: Path) -> None:
    file = big_store(workspace)
    damage_pages(file, 40, file.stat().st_size // 4096)
    with closing(Store(workspace)) as store:
        outcome, _ = run_session(store, recording(5), small_spec())
    assert outcome.status is Status.FAILED
    assert "is damaged" in outcome.reason
    assert damage_marker(file).exists()


# --- copies


def test_a_copy_never_takes_the_place_of_another_file(store: Store) -> None:
    target = store.workspace / "copy"
    target.write_text("mine")
    with pytest.raises(FileExistsError), closing(sqlite3.connect(store.file)) as source:
        copy_store(source, target)
    assert target.read_text() == "mine"
    assert list(store.workspace.glob("*.part*")) == []


def test_a_drive_without_second_names_has_copies_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse, raising=False)
    run = stored_run(store)
    make_version_2(store.file)
    Store(store.workspace).close()
    with closing(sqlite3.connect(store.workspace / "trainscope.sqlite3.version-2")) as copy:
        assert copy.execute("SELECT count(*) FROM points WHERE run=?", (run,)).fetchone()[0] == 2
    with pytest.raises(FileExistsError), closing(sqlite3.connect(store.file)) as source:
        copy_store(source, store.workspace / "trainscope.sqlite3.version-2")
