"""Salvages the readable rows of a damaged store into the new one of its workspace."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.storage.database import Database
from engine.storage.schema import SCHEMA_VERSION


def salvage(damaged: Path, workspace: Path) -> int:
    """Copy the readable rows of ``damaged`` into the store of ``workspace`` in one transaction.

    The damaged file is only read. A file of another schema version is not salvaged. Propagates ``StoreError`` if the
    new store can't be written.

    Returns:
        The number of experiments copied.
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
            return store.copy_from(source)


class _Salvage(Database):
    """The new store. Rows whose parent row could not be read are left out."""

    def copy_from(self, source: sqlite3.Connection) -> int:
        """Copy all tables, parents first; return the number of experiments."""
        names = [row["name"] for row in self._execute("SELECT name FROM sqlite_master WHERE type='table'")]
        with self._transaction():
            self._execute("PRAGMA defer_foreign_keys=ON")
            for name in sorted(names, key=_rank):
                for row in self._readable(source, name):
                    # A row that violates a constraint is garbage, or was copied already.
                    self._write("INSERT OR IGNORE", name, dict(row))
            lost = self._execute('SELECT "table" AS place, rowid AS number FROM pragma_foreign_key_check').fetchall()
            for row in lost:
                self._execute(f"DELETE FROM {row['place']} WHERE rowid=?", row["number"])  # noqa: S608
            return int(self._execute("SELECT count(*) FROM experiments").fetchone()[0])

    def _readable(self, source: sqlite3.Connection, table: str) -> Iterator[sqlite3.Row]:
        """Yield the rows parent by parent, if each has one, so that damage costs rows of one parent only."""
        columns = self._execute("SELECT * FROM pragma_table_info(?)", table).fetchall()
        keys = [column["name"] for column in sorted(columns, key=lambda column: int(column["pk"])) if column["pk"]]
        needed = {column["name"] for column in columns if column["pk"] or column["notnull"]}
        parents = self._execute("SELECT * FROM pragma_foreign_key_list(?)", table).fetchall()
        for parent in parents:
            if parent["from"] in needed:
                for (number,) in self._execute(f"SELECT id FROM {parent['table']}").fetchall():  # noqa: S608
                    yield from _rows(source, table, keys, f"WHERE {parent['from']}=?", number)
                return
        yield from _rows(source, table, keys)


def _rank(table: str) -> int:
    return {"experiments": 0, "runs": 1}.get(table, 2)


def _rows(
    source: sqlite3.Connection, table: str, keys: list[str], where: str = "", *values: Any
) -> Iterator[sqlite3.Row]:
    """Yield the rows in ascending order up to the first unreadable one, then in descending order back to it."""
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{key} {direction}" for key in keys)
        try:
            # All names come from the schema.
            rows = source.execute(f"SELECT * FROM {table} {where} ORDER BY {order}", values)  # noqa: S608
            yield from rows
        except sqlite3.DatabaseError:
            continue
        return
