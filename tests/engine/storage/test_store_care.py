"""engine.storage.integrity: at program start a damaged store is set aside and its readable rows are salvaged."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from engine.cli.arguments import parse
from engine.cli.batch import run
from engine.cli.exit_codes import EXIT_FAILED
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.storage.files import damage_marker, mark_damaged
from engine.storage.integrity import examine_store
from engine.storage.schema import SCHEMA_VERSION
from engine.storage.store import Store
from engine.utils.paths import store_file
from engine.workspace.queue import QueueStore
from tests.engine.storage.faults import damage_pages, is_whole
from tests.engine.storage.test_store_migration import make_version_2
from tests.engine.support import (
    ScriptedExecutor,
    finished,
    one_transaction,
    planned,
    record,
    small_spec,
    started,
    weights,
)

RECORDS = 300


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An intact workspace with three experiments."""
    workspace = tmp_path_factory.mktemp("healthy") / "workspace"
    with closing(Store(workspace)) as store:
        for seed in (1, 2, 3):
            _, (run,) = planned(store, small_spec(seed=seed))
            store.add(started(run.run))
            store.add(weights(run.run, layer="prediction"))
            with one_transaction(store):
                for step in range(10, 10 * RECORDS + 10, 10):
                    store.add(record(run.run, step))
            store.add(finished(run.run))
    return workspace


@pytest.fixture
def copied(healthy: Path, workspace: Path) -> Path:
    """The store of a copy of that workspace, to be damaged by a test."""
    shutil.copytree(healthy, workspace)
    return store_file(workspace)


def aside(file: Path) -> Path:
    """Return the only file that was set aside."""
    (found,) = (each for each in file.parent.glob(f"{file.name}.damaged-*") if not each.name.endswith(("-wal", "-shm")))
    assert re.fullmatch(r"trainscope\.sqlite3\.damaged-\d{8}-\d{6}", found.name)
    return found


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def no_database(file: Path) -> None:
    file.write_bytes(b"this is not a database, but long enough to be read" * 100)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def torn_beginning(file: Path) -> None:
    damage_pages(file, 0, 1)


def short(file: Path) -> None:
    file.write_bytes(b"short")


def damaged_schema(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"CREATE TABLE experiments", b"CREATE TABLE " + b"\xff" * 11))


HARMS = (no_database, cut, torn_beginning, short, damaged_schema)


@pytest.mark.parametrize("harm", HARMS, ids=[harm.__name__ for harm in HARMS])
def test_a_file_that_can_not_be_opened_is_kept_aside_as_it_is(copied: Path, harm) -> None:
    harm(copied)
    before = digest(copied)
    sentence = examine_store(copied.parent)
    assert sentence is not None
    assert sentence.startswith("The store of this workspace was damaged (")
    assert f"it is kept as {aside(copied)}, and a new one is in use" in sentence
    assert (sentence[-1], "\n" in sentence) == (".", False)
    assert digest(aside(copied)) == before
    with closing(Store(copied.parent)) as store:
        planned(store)
    assert is_whole(copied)
    assert examine_store(copied.parent) is None


def test_a_healthy_workspace_is_left_as_it_is(copied: Path, tmp_path: Path) -> None:
    before = {path.name: digest(path) for path in copied.parent.iterdir() if path.is_file()}
    assert examine_store(copied.parent) is None
    assert {path.name: digest(path) for path in copied.parent.iterdir() if path.is_file()} == before
    assert examine_store(tmp_path / "nowhere") is None
    assert not (tmp_path / "nowhere").exists()
    assert examine_store(Path("~nobody-of-that-name/workspace")) is None


def test_a_workspace_that_is_in_use_is_left_as_it_is(copied: Path) -> None:
    with closing(Store(copied.parent)) as store:
        number, _ = planned(store)
        assert examine_store(copied.parent) is None
        assert store.is_in_place
        store.runs(number)


def test_what_is_not_damage_is_left_to_whoever_opens_it(copied: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(copied)) as other:
        other.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    before = digest(copied)
    assert examine_store(copied.parent) is None
    assert digest(copied) == before
    store_file(tmp_path).mkdir()
    assert examine_store(tmp_path) is None
    assert examine_store(copied) is None  # the workspace is a file


def test_a_suspicion_that_comes_to_nothing_is_forgotten(copied: Path) -> None:
    mark_damaged(copied, "database disk image is malformed")
    assert examine_store(copied.parent) is None
    assert not damage_marker(copied).exists()
    assert copied.exists()


def test_damage_in_the_middle_is_found_after_it_was_met_and_the_rest_is_saved(copied: Path) -> None:
    """The records of one experiment are damaged; everything else keeps its number in the new store."""
    with closing(QueueStore(copied.parent)) as queue:
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec())
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec(), extends=2)
    last = copied.stat().st_size // 4096
    damage_pages(copied, last * 2 // 3, last * 2 // 3 + 3)
    before = digest(copied)
    assert examine_store(copied.parent) is None  # only a marked store is read completely
    mark_damaged(copied, "database disk image is malformed")
    sentence = examine_store(copied.parent)
    assert sentence is not None
    assert sentence == (
        f"The store of this workspace was damaged (part of it can't be read); it is kept as {aside(copied)}, and a new "
        "one is in use, with the 3 experiments that could still be read."
    )
    assert digest(aside(copied)) == before
    assert not damage_marker(copied).exists()
    with closing(Store(copied.parent)) as store:
        assert [experiment.seed for experiment in store.experiments(9)] == [3, 2, 1]
        saved = [len(store.records(run)) for run in (1, 2, 3)]
        assert RECORDS * 3 - 150 < sum(saved) < RECORDS * 3
        for run in (1, 2, 3):
            assert all(each == record(run, each.step) for each in store.records(run))
        assert planned(store)[0] == 4
    with closing(QueueStore(copied.parent)) as queue:
        assert [(entry.id, entry.extends) for entry in queue.all()] == [(1, None), (2, 2)]
    assert is_whole(copied)
    assert examine_store(copied.parent) is None


def test_what_a_killed_program_left_in_the_log_is_saved_too(copied: Path, tmp_path: Path) -> None:
    left = tmp_path / "left"
    with closing(Store(copied.parent)) as store:
        store.connection.execute("PRAGMA wal_autocheckpoint=0")
        number, (run,) = planned(store)
        store.add(record(run.run, 10))
        shutil.copytree(copied.parent, left)
    file = store_file(left)
    middle = file.stat().st_size // 4096 * 2 // 3
    damage_pages(file, middle, middle + 3)
    mark_damaged(file, "database disk image is malformed")
    assert "the 4 experiments that could still be read" in (examine_store(left) or "")
    with closing(Store(left)) as again:
        assert again.records(run.run) == [record(run.run, 10)]
        assert again.experiment(number).id == 4


def test_what_belonged_to_an_experiment_that_is_lost_is_left_out(copied: Path) -> None:
    with closing(QueueStore(copied.parent)) as queue:
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec(), extends=2)
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec())
    with closing(sqlite3.connect(copied)) as harmed:  # as if its row could not be read
        harmed.execute("DELETE FROM experiments WHERE id=2")
        harmed.commit()
    middle = copied.stat().st_size // 4096 * 2 // 3
    damage_pages(copied, middle, middle + 3)
    mark_damaged(copied, "database disk image is malformed")
    assert "the 2 experiments that could still be read" in (examine_store(copied.parent) or "")
    with closing(Store(copied.parent)) as store, closing(QueueStore(copied.parent)) as queue:
        assert [run.id for number in (1, 2, 3) for run in store.runs(number)] == [1, 3]
        assert [entry.id for entry in queue.all()] == [2]
        assert list(store.connection.execute("PRAGMA foreign_key_check")) == []


@pytest.mark.parametrize("seed", range(6))
def test_wherever_pages_are_damaged_the_new_store_is_whole(copied: Path, seed: int) -> None:
    pages = copied.stat().st_size // 4096
    first = 1 + (pages - 4) * seed // 6
    damage_pages(copied, first, first + 2)
    mark_damaged(copied, "database disk image is malformed")
    examine_store(copied.parent)
    with closing(Store(copied.parent)) as store:
        assert list(store.connection.execute("PRAGMA foreign_key_check")) == []
        for experiment in store.experiments(9):
            for run in store.runs(experiment.id):
                store.records(run.id)
                store.last_weights(run.id)
        planned(store)
    assert is_whole(copied)


def test_a_damaged_store_of_an_older_version_is_kept_whole_and_not_guessed_at(copied: Path) -> None:
    make_version_2(copied)
    with closing(sqlite3.connect(copied)) as older:
        older.execute("VACUUM")
    damage_pages(copied, copied.stat().st_size // 8192, copied.stat().st_size // 8192 + 1)
    mark_damaged(copied, "database disk image is malformed")
    sentence = examine_store(copied.parent)
    assert sentence is not None
    assert sentence.endswith("and a new one is in use.")
    assert not copied.exists()


def test_networks_of_a_store_kept_aside_are_never_written_over(copied: Path) -> None:
    folder = copied.parent / "models" / "experiment-7"
    folder.mkdir(parents=True)
    torn_beginning(copied)
    examine_store(copied.parent)
    with closing(Store(copied.parent)) as store:
        assert planned(store)[0] == 8


def test_two_programs_that_start_at_once_keep_it_aside_once(copied: Path) -> None:
    torn_beginning(copied)
    before = digest(copied)
    barrier, said = threading.Barrier(4), []

    def start() -> None:
        barrier.wait()
        said.append(examine_store(copied.parent))
        Store(copied.parent).close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sentence is None for sentence in said].count(False) == 1
    assert digest(aside(copied)) == before


def test_an_older_file_aside_is_never_written_over(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = copied.with_name(f"{copied.name}.damaged-20260131-235959")
    wanted.write_text("of the same second")

    class Clock:
        @staticmethod
        def now():
            import datetime

            return datetime.datetime(2026, 1, 31, 23, 59, 59)

    monkeypatch.setattr("engine.storage.files.datetime", Clock)
    torn_beginning(copied)
    assert f"{wanted}-2," in (examine_store(copied.parent) or "")
    assert wanted.read_text() == "of the same second"


def test_a_file_that_can_not_be_moved_is_told_of(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torn_beginning(copied)

    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    assert examine_store(copied.parent) == (
        f"The store {copied} is damaged and can't be kept aside ([Errno 13] Permission denied); allow writing to its "
        "folder, or choose another workspace."
    )


def test_a_log_whose_file_is_gone_is_kept(workspace: Path) -> None:
    """SQLite would remove the log with everything not yet checkpointed."""
    with closing(Store(workspace)) as store:
        planned(store)
        log = Path(f"{store.file}-wal")
        content = log.read_bytes()
    store.file.unlink()
    log.write_bytes(content)
    sentence = examine_store(workspace)
    assert sentence is not None
    assert "its file is gone, its log is not" in sentence
    (kept,) = workspace.glob("*.damaged-*-wal")
    assert kept.read_bytes() == content
    assert examine_store(workspace) is None


def test_what_was_rescued_takes_its_place_at_the_next_start(copied: Path) -> None:
    """The program was killed between copying a removed file and moving the copy into place."""
    rescued = copied.with_name(f"{copied.name}.rescued-20260131-235959")
    copied.rename(rescued)
    before = digest(rescued)
    assert examine_store(copied.parent) is None
    assert digest(copied) == before
    assert not rescued.exists()


def test_a_batch_on_a_damaged_store_stops_once_and_then_goes_on(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.cli.batch.make_executor", lambda _options: ScriptedExecutor())
    options = parse(["--batch", "architectures", "--workspace", str(copied.parent), "--set", "repeats=1"])
    torn_beginning(copied)
    assert run(options) == EXIT_FAILED
    told = capsys.readouterr()
    assert told.err == (
        f"trainscope: The store of this workspace was damaged (file is not a database); it is kept as {aside(copied)}, "
        "and a new one is in use; nothing was trained: start again to go on with the new one.\n"
    )
    assert told.out == ""
    assert run(options) == 0
