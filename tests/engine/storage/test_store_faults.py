"""engine.storage.database with a busy or damaged file, and copies of a store."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from engine.events.runs import Status
from engine.storage.database import RECORDING_BUSY_SECONDS
from engine.storage.files import copy_store, damage_marker
from engine.storage.store import Store
from engine.utils.errors import StoreError
from tests.engine.storage.faults import damage_pages, recording
from tests.engine.storage.test_store_migration import make_version_2, stored_run
from tests.engine.support import (
    finished,
    one_transaction,
    planned,
    record,
    run_session,
    small_spec,
    started,
)

# Another program


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


# Damage


def big_store(workspace: Path, experiments: int = 3) -> Path:
    """Create a store with experiments of a thousand records each."""
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


# Copies


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
