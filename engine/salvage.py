"""What can still be read of a damaged store, copied into the new one of its workspace."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.database import Database
from engine.schema import SCHEMA_VERSION

OWNERS = {"run": "runs", "experiment": "experiments"}  # the column that names the owner of a row, and the owner's table


def salvage(damaged: Path, workspace: Path) -> int:
    """Copy the readable rows of ``damaged`` into the store of ``workspace``, wholly or not at all.

    Gives the number of experiments; the damaged file is only read. Raises :class:`~engine.errors.StoreError` where the
    new store can't be written. A file of an older version is left for a program of its time.
    """
    if not damaged.exists():
        return 0
    with closing(sqlite3.connect(f"{damaged.as_uri()}?mode=ro", uri=True)) as source:
        source.row_factory = sqlite3.Row
        try:
            readable = source.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
            first = source.execute("SELECT 1 FROM experiments LIMIT 1").fetchone()
        except sqlite3.Error:
            return 0
        if not readable or first is None:
            return 0
        with closing(_Salvage(workspace)) as store:
            return store.take_from(source)


class _Salvage(Database):
    """The new store. Rows whose owner could not be read are left out."""

    def take_from(self, source: sqlite3.Connection) -> int:
        """Copy table by table, owners first; gives the number of experiments."""
        names = [row["name"] for row in self._execute("SELECT name FROM sqlite_master WHERE type='table'")]
        with self._transaction():
            for name in sorted(names, key=_rank):
                keys = self._keys(name)
                owner = next((column for column in OWNERS if column in self._columns(name)), None)
                for row in _rows(source, name, keys) if owner is None else self._rows_of_owners(source, name, owner):
                    self._keep(name, row)
            return int(self._execute("SELECT count(*) FROM experiments").fetchone()[0])

    def _rows_of_owners(self, source: sqlite3.Connection, table: str, owner: str) -> Iterator[sqlite3.Row]:
        keys = self._keys(table)
        for (number,) in self._execute(f"SELECT id FROM {OWNERS[owner]}").fetchall():  # noqa: S608
            yield from _rows(source, table, keys, f"WHERE {owner}=?", number)

    def _keep(self, table: str, row: sqlite3.Row) -> None:
        marks = ", ".join("?" * len(row))
        # Table and columns are the program's own. What breaks a rule of the table is garbage, or was there already.
        sql = f"INSERT OR IGNORE INTO {table} ({', '.join(row.keys())}) VALUES ({marks})"  # noqa: S608
        self._execute(sql, *row)

    def _columns(self, table: str) -> list[str]:
        return [row["name"] for row in self._execute("SELECT name FROM pragma_table_info(?)", table)]

    def _keys(self, table: str) -> list[str]:
        rows = self._execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", table)
        return [row["name"] for row in rows]


def _rank(table: str) -> int:
    return {"experiments": 0, "runs": 1}.get(table, 2)


def _rows(
    source: sqlite3.Connection, table: str, keys: list[str], where: str = "", *values: Any
) -> Iterator[sqlite3.Row]:
    """The rows up to the first that can't be read, then those from the last on back to it."""
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{key} {direction}" for key in keys)
        try:
            # Names are the program's own.
            rows = source.execute(f"SELECT * FROM {table} {where} ORDER BY {order}", values)  # noqa: S608
            yield from rows
        except sqlite3.DatabaseError:
            continue
        return
