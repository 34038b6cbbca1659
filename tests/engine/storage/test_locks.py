"""engine.storage.locks and errors: a drive without file locks is named as such."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from engine.storage.errors import store_error
from engine.storage.locks import is_owner_alive, owner_lock
from engine.storage.store import Store
from engine.utils.errors import StoreError

fcntl = pytest.importorskip("fcntl")

NETWORK_DRIVE = "the drive does not support file locks, as some network drives do not; choose a folder on a local drive"
ERRNOS = pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP], ids=["ENOLCK", "EOPNOTSUPP"])


def without_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError(number, "No locks available")

    for call in ("flock", "lockf"):
        monkeypatch.setattr(fcntl, call, refuse)


@ERRNOS
def test_a_drive_without_locks_is_named_where_an_experiment_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    without_locks(monkeypatch, number)
    with pytest.raises(StoreError, match=NETWORK_DRIVE), owner_lock(tmp_path):
        pytest.fail("no lock is held")


@ERRNOS
def test_a_drive_without_locks_is_named_where_a_store_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    without_locks(monkeypatch, number)
    with pytest.raises(StoreError, match=f"{NETWORK_DRIVE} by --workspace"):
        Store(tmp_path)


def test_a_lock_that_cannot_be_tried_has_no_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with owner_lock(tmp_path) as name:
        assert is_owner_alive(tmp_path, name)
        with monkeypatch.context() as drive:
            without_locks(drive, errno.ENOLCK)
            assert not is_owner_alive(tmp_path, name)


def failure(code: int, text: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_LOCK, sqlite3.SQLITE_IOERR_RDLOCK, sqlite3.SQLITE_PROTOCOL])
def test_sqlite_without_locks_names_the_drive(tmp_path: Path, code: int) -> None:
    assert NETWORK_DRIVE in str(store_error(tmp_path / "x", "written", failure(code, "disk I/O error")))


def test_a_busy_store_is_another_programs_unless_its_drive_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = failure(sqlite3.SQLITE_BUSY, "database is locked")
    assert "another program has been writing" in str(store_error(tmp_path / "x", "written", busy))
    without_locks(monkeypatch, errno.ENOLCK)  # which SQLite reports as a busy file
    assert NETWORK_DRIVE in str(store_error(tmp_path / "x", "written", busy))
