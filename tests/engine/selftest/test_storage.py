"""engine.selftest.storage: intact, damaged, busy and foreign stores."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.selftest.check import CheckContext, CheckState
from engine.selftest.storage import check_scratch_store, check_store
from engine.storage.schema import SCHEMA_VERSION
from engine.storage.store import Store
from tests.engine.support import planned


@pytest.fixture
def stored(context: CheckContext) -> Path:
    """The file of a store with an experiment."""
    with closing(Store(context.workspace)) as store:
        planned(store)
        return store.file


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_sound_store_is_told_of_and_left_as_it_is(context: CheckContext, stored: Path) -> None:
    before = contents(stored.parent)
    found = check_store(context)
    assert found.state is CheckState.OK
    assert found.sentence.startswith("1 experiment in 0.")
    assert found.sentence.endswith(f" MB, whole, of version {SCHEMA_VERSION}.")
    assert contents(stored.parent) == before


def test_what_another_program_has_just_written_is_seen(context: CheckContext) -> None:
    with closing(Store(context.workspace)) as store:
        planned(store)
        planned(store)
        before = contents(context.workspace)
        assert check_store(context).sentence.startswith("2 experiments in ")
        after = contents(context.workspace)
        assert {name: after[name] for name in before if not name.endswith("-shm")} == {
            name: before[name] for name in before if not name.endswith("-shm")
        }


def test_without_a_store_nothing_is_made(context: CheckContext) -> None:
    assert check_store(context).state is CheckState.OK
    assert not context.workspace.exists()


def spoil_pages(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[5000:20000] = b"\xff" * 15000
    file.write_bytes(content)


@pytest.mark.parametrize(
    "spoil", [spoil_pages, lambda file: file.write_bytes(b"no store" * 1000)], ids=["pages", "another_file"]
)
def test_a_damaged_store_is_named_and_left_as_it_is(context: CheckContext, stored: Path, spoil: Any) -> None:
    spoil(stored)
    before = contents(stored.parent)
    found = check_store(context)
    assert found.state is CheckState.FAILED
    assert found.sentence.startswith(f"{stored} is damaged (")
    assert "keep a copy of it" in found.sentence
    assert contents(stored.parent) == before


def test_a_store_that_can_not_be_read_is_not_called_damaged(context: CheckContext, stored: Path) -> None:
    stored.unlink()
    stored.mkdir()
    found = check_store(context)
    assert found.state is CheckState.FAILED
    assert found.sentence.startswith(f"{stored} can't be read (")


@pytest.mark.parametrize(
    ("version", "state", "named"),
    [
        (SCHEMA_VERSION + 1, CheckState.FAILED, f"is of version {SCHEMA_VERSION + 1}, and this program reads"),
        (SCHEMA_VERSION - 1, CheckState.OK, f"brought to version {SCHEMA_VERSION} when it is next opened"),
    ],
    ids=["newer", "older"],
)
def test_the_version_of_a_store_is_told(
    context: CheckContext, stored: Path, version: int, state: CheckState, named: str
) -> None:
    with closing(sqlite3.connect(stored)) as database:
        database.execute(f"PRAGMA user_version={version}")
    found = check_store(context)
    assert found.state is state
    assert named in found.sentence


def test_a_store_that_is_held_by_another_program_is_no_damage(
    context: CheckContext, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **named, timeout=0))
    with closing(connect(stored, isolation_level=None)) as other:
        other.executescript("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; DELETE FROM queue;")
        found = check_store(context)
    assert found.state is CheckState.WARNING
    assert "is in use (database is locked); close other programs that use it" in found.sentence


def test_a_store_of_our_own_gives_back_what_was_written(context: CheckContext, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_scratch_store(context).state is CheckState.OK
    assert not context.workspace.exists()
    shutil.rmtree(context.scratch / "store")
    monkeypatch.setattr(Store, "records", lambda _store, _run: [])
    assert check_scratch_store(context).sentence.startswith("What was read is not what was written; ")
