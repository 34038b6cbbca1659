"""Copies the rows of a rescued store into the file that has taken its place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The rows that identify a store: everything recorded, by key and time of writing.
_RECORDED = (
    "SELECT id, name, created FROM {}.experiments",
    "SELECT id, experiment, variant, repeat FROM {}.runs",
    "SELECT run, step, wall_time FROM {}.points",
    "SELECT run, layer, step FROM {}.weights",
    "SELECT experiment, name FROM {}.arrays",
)


def contains_experiments(db: sqlite3.Connection, other: sqlite3.Connection) -> bool:
    """Return whether every experiment of ``other`` is in ``db``; a newly created store has none."""
    known, wanted = (
        {tuple(row) for row in each.execute("SELECT id, created FROM experiments")} for each in (db, other)
    )
    return wanted <= known


def contains_all_rows(db: sqlite3.Connection, rescued: Path) -> bool:
    """Return whether all rows recorded in the store ``rescued`` are in ``db``; propagates ``sqlite3.Error``."""
    with _attached(db, rescued):
        return not any(
            db.execute(f"{rows.format('rescued')} EXCEPT {rows.format('main')} LIMIT 1").fetchone()
            for rows in _RECORDED
        )


def copy_rows(db: sqlite3.Connection, rescued: Path) -> bool:
    """Copy every row of ``rescued`` into ``db`` in one transaction, if ``db`` is empty.

    Propagates ``sqlite3.Error``.

    Returns:
        Whether ``db`` was empty.
    """
    with _attached(db, rescued):
        db.execute("BEGIN IMMEDIATE")
        db.execute("PRAGMA defer_foreign_keys=ON")  # until the commit, as tables come in any order
        tables = [name for (name,) in db.execute("SELECT name FROM rescued.sqlite_master WHERE type='table'")]
        if any(db.execute(f"SELECT 1 FROM main.{name} LIMIT 1").fetchone() for name in tables):  # noqa: S608
            db.execute("ROLLBACK")
            return False
        for name in tables:
            columns = ", ".join(row["name"] for row in db.execute(f"PRAGMA rescued.table_info({name})"))
            db.execute(f"INSERT INTO main.{name} ({columns}) SELECT {columns} FROM rescued.{name}")  # noqa: S608
        db.execute("COMMIT")
        return True


@contextmanager
def _attached(db: sqlite3.Connection, rescued: Path) -> Iterator[None]:
    db.execute("ATTACH ? AS rescued", (str(rescued),))
    try:
        yield
    finally:
        if db.in_transaction:
            db.rollback()
        db.execute("DETACH rescued")
