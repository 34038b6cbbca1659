"""Helpers of the tests of sessions."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from engine.events.tasks import Event
from engine.storage.store import Store


def event_names(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def count_experiments(store: Store) -> int:
    with closing(sqlite3.connect(store.file)) as reader:
        return reader.execute("SELECT count(*) FROM experiments").fetchone()[0]
