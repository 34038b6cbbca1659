"""Connection to the SQLite file of a workspace: migration, restoring of a removed file, translation of errors."""

from __future__ import annotations

import json
import logging
import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.storage.errors import BUSY_CODES, is_damage, primary_code, store_error
from engine.storage.files import (
    SIDECAR_SUFFIXES,
    copy_store,
    file_stats,
    maintenance_lock,
    mark_damaged,
    move_into_place,
    remove_sidecars,
    timestamped_path,
    unused_path,
)
from engine.storage.reinsert import contains_all_rows, contains_experiments, copy_rows
from engine.storage.schema import MIGRATIONS, SCHEMA, SCHEMA_VERSION
from engine.utils.errors import StoreError
from engine.utils.paths import check_workspace, store_file

BUSY_SECONDS = 3.0  # how long to wait for another program that is writing, if a user waits for the answer
RECORDING_BUSY_SECONDS = 60.0  # the same while a training writes its records
MIGRATION_BUSY_SECONDS = 60.0  # the same for another program that migrates the file
BUSY_RETRY_SECONDS = 0.02

log = logging.getLogger(__name__)


class Database:
    """A connection to the file of a workspace. Not thread-safe; all methods raise ``StoreError``.

    Args:
        workspace: the folder, created if it is missing.
        busy_seconds: how long a statement waits for another program that is writing.
        notify: receives messages for the user about recovered problems; they are logged if it is None.
    """

    def __init__(
        self, workspace: Path, busy_seconds: float = BUSY_SECONDS, notify: Callable[[str], None] | None = None
    ) -> None:
        try:
            self.workspace = workspace.expanduser().absolute()
        except RuntimeError:
            raise StoreError(f"{workspace} names a user there is not; choose another workspace.") from None
        self.file = store_file(self.workspace)
        check_workspace(self.workspace)
        self._busy_seconds, self._notify = busy_seconds, notify or log.warning
        with self._translate_errors("opened"):
            self.workspace.mkdir(parents=True, exist_ok=True)
        self._open()

    @property
    def connection(self) -> sqlite3.Connection:
        """SQLite's connection to the file that is open now."""
        return self._db

    @property
    def is_in_place(self) -> bool:
        """Whether the open file is still the one in the workspace; an open file can be removed except on Windows."""
        if os.name == "nt":
            return True
        try:
            return os.path.samestat(self.file.stat(), self._opened)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:  # SQLite will report it
            return True

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _open(self) -> None:
        with self._translate_errors("opened"):
            self._db = self._connect()
        try:
            with self._translate_errors("opened"):
                self._opened = self.file.stat()
                self._configure()
                self._sidecars = file_stats(self.file)[1:]
        except BaseException:
            self._db.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        if self.file.exists():
            return sqlite3.connect(self.file, isolation_level=None)
        with maintenance_lock(self.file):
            if not self.file.exists():
                remove_sidecars(self.file)
            return sqlite3.connect(self.file, isolation_level=None)

    def _configure(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._set_busy_timeout(self._busy_seconds)
        # Commits then need no disk flush; a power failure can lose the last ones, but never corrupt the file.
        self._db.executescript("PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
        version = self._version()  # before anything is changed
        self._enable_write_ahead_log()
        if version < SCHEMA_VERSION:
            self._set_busy_timeout(MIGRATION_BUSY_SECONDS)
            self._migrate()
            self._set_busy_timeout(self._busy_seconds)

    def _set_busy_timeout(self, seconds: float) -> None:
        self._db.execute(f"PRAGMA busy_timeout={round(1000 * seconds)}")

    def _enable_write_ahead_log(self) -> None:
        """Switch to the write-ahead log, once per file; SQLite's busy timeout doesn't apply to that, so this waits.

        On a file system that doesn't support it the file keeps its rollback journal, which is slower but as safe.

        Raises:
            sqlite3.OperationalError: if another program keeps the file busy, or switching fails.
        """
        deadline = time.monotonic() + self._busy_seconds
        while self._db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if primary_code(error) not in BUSY_CODES or time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_RETRY_SECONDS)

    def _version(self) -> int:
        """Return the schema version; 0 if there are no tables.

        Raises:
            StoreError: if the schema is of a newer version of the program.
        """
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.file} was written by a newer Trainscope; update the program or choose another workspace."
            )
        return version

    def _migrate(self) -> None:
        """Create the tables, or migrate those of an older version after copying the file, in one transaction.

        If two programs open a workspace at once, one migrates it and the other waits and finds it done.
        """
        self._db.create_function("floats", 1, lambda text: pack(json.loads(text), "<f4"), deterministic=True)
        self._db.create_function("integers", 1, lambda text: pack(json.loads(text), "<i4"), deterministic=True)
        self._db.execute("BEGIN IMMEDIATE")  # other connections can read meanwhile, as the one that is copied
        copy = None
        try:
            version = self._version()  # another program may have migrated it by now
            if 0 < version < SCHEMA_VERSION:
                copy = self._back_up(version)
            older = range(version, SCHEMA_VERSION) if version else ()
            migrations = [statement for number in older for statement in MIGRATIONS[number]]
            for statement in (*migrations, *SCHEMA, f"PRAGMA user_version={SCHEMA_VERSION}", "COMMIT"):
                self._db.execute(statement)
        except BaseException:
            self._roll_back()
            if copy is not None:  # nothing has changed, and the next attempt makes its own copy
                copy.unlink(missing_ok=True)
            raise
        if copy is not None:
            log.info("%s was brought up to date; as it was before, it is kept as %s", self.file, copy)

    def _back_up(self, version: int) -> Path:
        """Copy the file as it is to an unused path such as ``trainscope.sqlite3.version-2``, flushed to disk.

        Raises:
            sqlite3.Error: if the file is damaged.
            OSError: likewise.
            StoreError: if the copy can't be written.
        """
        copy = unused_path(self.file.with_name(f"{self.file.name}.version-{version}"))
        try:
            reader = sqlite3.connect(self.file)  # SQLite can't back up a connection that is in a write transaction
            try:
                copy_store(reader, copy)
            finally:
                reader.close()
        except (sqlite3.Error, OSError) as error:
            if is_damage(error):
                raise
            raise StoreError(
                f"{self.file} is of an older Trainscope and is copied before it is brought up to date, but the copy "
                f"can't be written ({error}); make room in {self.workspace} and start again: nothing has been changed."
            ) from error
        return copy

    def _insert(self, table: str, **values: Any) -> int:
        return self._write("INSERT", table, values)

    def _replace(self, table: str, **values: Any) -> None:
        """Insert a row, replacing the one with the same key."""
        self._write("INSERT OR REPLACE", table, values)

    def _write(self, verb: str, table: str, values: dict[str, Any]) -> int:
        # Table and column names are constants of the program; every value is a parameter.
        marks = ", ".join("?" * len(values))
        sql = f"{verb} INTO {table} ({', '.join(values)}) VALUES ({marks})"
        return self._execute(sql, *values.values()).lastrowid or 0

    def _execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        is_reading = sql.lstrip().startswith("SELECT")
        translate_errors = partial(self._translate_errors, "read" if is_reading else "written")
        with translate_errors():
            if not (is_reading or self._db.in_transaction or self.is_in_place):
                self._restore()
            return self._db.cursor(partial(_Cursor, translate_errors)).execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit everything written in the block, or nothing; joins a transaction in progress."""
        if self._db.in_transaction:
            yield
            return
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # SQLite has rolled back already, or will when the file is opened next
            self._db.rollback()

    def _restore(self) -> None:
        """Write the open file to the workspace again after it was removed or replaced.

        The operating system keeps a removed file while it is open. Its contents return to their place if no data is
        lost by that. If the place is taken, by a store with experiments or by anything else, they are kept in a file
        beside it, which stays in use by this object.

        Raises:
            StoreError: if the place is taken.
        """
        self.workspace.mkdir(exist_ok=True)  # without parents: if its parent folder is missing, the drive is gone
        place, held = self.file, (self._db, self._opened, self._sidecars)
        with maintenance_lock(place):
            self._remove_own_sidecars()
            try:
                for _ in range(2):  # twice, as the copy too may be removed before it is opened
                    rescued = timestamped_path(place, "rescued")
                    copy_store(self._db, rescued)
                    if (is_restored := self._reopen_restored(rescued)) or rescued.exists():
                        break
                if not is_restored:
                    if not rescued.exists():
                        copy_store(self._db, rescued)
                    self.file = rescued
                    self._open()
            except BaseException:
                self.file, (self._db, self._opened, self._sidecars) = place, held
                raise
            held[0].close()
        if self.file != place:
            raise StoreError(
                f"{place} was replaced by another file while results were being written; everything recorded until "
                f"then is kept in {self.file}: close the program, decide which of the two is to bear the name, and "
                "start it again."
            )
        self._notify(f"{place} was removed or replaced while it was in use; everything that was in it is there again.")

    def _remove_own_sidecars(self) -> None:
        """Remove the sidecar files of the removed file; SQLite would take them for those of the file in its place."""
        for suffix, now, own in zip(SIDECAR_SUFFIXES, file_stats(self.file)[1:], self._sidecars, strict=True):
            if now is not None and own is not None and os.path.samestat(now, own):
                Path(f"{self.file}{suffix}").unlink(missing_ok=True)

    def _reopen_restored(self, rescued: Path) -> bool:
        """Move the copy ``rescued`` to the file of the workspace, or copy its rows there, and open that file.

        On failure the open connection and the copy stay as they are, unless the copy was moved and removed again.

        Returns:
            Whether the file of the workspace is open and contains all rows.
        """
        held = (self._db, self._opened, self._sidecars)
        was_moved = move_into_place(rescued, self.file)
        try:
            self._open()
            if was_moved:
                if contains_experiments(self._db, held[0]):
                    return True
            elif contains_all_rows(self._db, rescued) or copy_rows(self._db, rescued):
                rescued.unlink()
                return True
            self._db.close()
        except StoreError:  # a folder, a damaged file, or one of a newer version
            pass
        except sqlite3.Error:
            self._db.close()
        self._db, self._opened, self._sidecars = held
        return False

    @contextmanager
    def _translate_errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
            if is_damage(error):
                mark_damaged(self.file, str(error))
            raise store_error(self.file, action, error) from error


class _Cursor(sqlite3.Cursor):
    """A cursor that translates errors of fetching, where damaged pages are met as rows are read lazily."""

    def __init__(
        self, translate_errors: Callable[[], AbstractContextManager[None]], connection: sqlite3.Connection
    ) -> None:
        super().__init__(connection)
        self._translate_errors = translate_errors

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except sqlite3.Error:  # a context manager per row is too slow for a million rows
            with self._translate_errors():
                raise

    def fetchone(self) -> Any:
        """Fetch a row; errors are translated."""
        with self._translate_errors():
            return super().fetchone()

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        """Fetch up to ``size`` rows; errors are translated."""
        with self._translate_errors():
            return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        """Fetch all remaining rows; errors are translated."""
        with self._translate_errors():
            return super().fetchall()


def pack(values: Any, dtype: str) -> bytes:
    """Pack numbers into the bytes of a BLOB; None and infinities become NaN if ``dtype`` is ``<f4``."""
    array = np.array([math.nan if value is None else value for value in values])
    if dtype == "<f4":
        array = np.where(np.isfinite(array.astype(float)), array, math.nan)
    return array.astype(dtype).tobytes()


def unpack(data: bytes, dtype: str) -> tuple[Any, ...]:
    """Unpack the numbers packed by ``pack``."""
    return tuple(np.frombuffer(data, dtype).tolist())
