"""The SQLite file of a workspace: opened, brought up to date, its errors put into words."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import StoreError
from engine.paths import store_file
from engine.schema import MIGRATIONS, SCHEMA, SCHEMA_VERSION

BUSY_SECONDS = 5.0  # how long to wait for another program that is writing
BUSY_PAUSE = 0.02


class Database:
    """A connection to the file of a workspace. One object serves one thread; raises :class:`StoreError`."""

    def __init__(self, workspace: Path) -> None:
        try:
            self.workspace = workspace.expanduser().absolute()
        except RuntimeError:
            raise StoreError(
                f"{workspace} names the folder of a user there is not; choose another workspace."
            ) from None
        self.file = store_file(self.workspace)
        with self._explained("opened"):
            self.workspace.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.file, isolation_level=None)
        try:
            self._set_up()
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _set_up(self) -> None:
        with self._explained("opened"):
            self._db.row_factory = sqlite3.Row
            # A commit then costs no disk flush; a power cut can lose the last moments but never harm the file.
            self._db.executescript("PRAGMA busy_timeout=5000; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
            self._use_write_ahead_log()
            self._ensure_schema()

    def _use_write_ahead_log(self) -> None:
        """Switch the journal over, once in the life of a file; SQLite doesn't wait for others there, so this does."""
        deadline = time.monotonic() + BUSY_SECONDS
        while self._db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_PAUSE)

    def _ensure_schema(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.file} was written by a newer Trainscope; update the program or choose another workspace."
            )
        if version < SCHEMA_VERSION:
            self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        """Make the tables, or change those of an older version; two programs may open a workspace at once."""
        self._db.create_function("floats", 1, lambda text: pack(json.loads(text), "<f4"), deterministic=True)
        self._db.create_function("integers", 1, lambda text: pack(json.loads(text), "<i4"), deterministic=True)
        self._db.execute("BEGIN EXCLUSIVE")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]  # the other one may have done it by now
        migrations = (
            [each for number in range(version, SCHEMA_VERSION) for each in MIGRATIONS[number]] if version else []
        )
        for statement in (*migrations, *SCHEMA, f"PRAGMA user_version={SCHEMA_VERSION}", "COMMIT"):
            self._db.execute(statement)

    def _insert(self, table: str, **values: Any) -> int:
        # Table and column names are the program's own; every value is a parameter.
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608
        return self._execute(sql, *values.values()).lastrowid or 0

    def _execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        explained = partial(self._explained, "read" if sql.startswith("SELECT") else "written")
        with explained():
            return self._db.cursor(partial(_Cursor, explained)).execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._execute("COMMIT")

    @contextmanager
    def _explained(self, action: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
            raise StoreError(
                f"{self.file} can't be {action} ({error}); check the folder, its permissions and the free space."
            ) from error


class _Cursor(sqlite3.Cursor):
    """Rows are read as they are fetched, so a damaged file is noticed there: told like all else that goes wrong."""

    def __init__(self, explained: Callable[[], AbstractContextManager[None]], connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._explained = explained

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except sqlite3.Error:  # of a million rows, none is to pay for a context
            with self._explained():
                raise

    def fetchone(self) -> Any:
        """As SQLite's; raises :class:`StoreError`, as the others do."""
        with self._explained():
            return super().fetchone()

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        """As SQLite's."""
        with self._explained():
            return super().fetchmany(size)

    def fetchall(self) -> list[Any]:
        """As SQLite's."""
        with self._explained():
            return super().fetchall()


def pack(values: Any, dtype: str) -> bytes:
    """Numbers as the bytes that a BLOB holds; None stands for NaN, and so does infinity."""
    array = np.array([math.nan if value is None else value for value in values])
    if dtype == "<f4":
        array = np.where(np.isfinite(array.astype(float)), array, math.nan)
    return array.astype(dtype).tobytes()


def unpack(data: bytes, dtype: str) -> tuple[Any, ...]:
    """The numbers of :func:`pack`."""
    return tuple(np.frombuffer(data, dtype).tolist())
