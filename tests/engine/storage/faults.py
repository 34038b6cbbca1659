"""Sessions and damaged files for the tests of store faults."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from engine.events.experiments import ExperimentFinished
from engine.events.runs import Record
from engine.events.tasks import Event
from engine.storage.store import Store
from tests.engine.support import (
    ScriptedExecutor,
    finished,
    of,
    record,
    run_session,
    small_spec,
    started,
)


def recording(records: int) -> ScriptedExecutor:
    """Return an executor whose runs emit ``records`` records each."""

    def answer(task) -> Iterator[Event]:
        yield started(task.run)
        for step in range(10, 10 * records + 1, 10):
            yield record(task.run, step)
        yield finished(task.run)

    return ScriptedExecutor(answer)


def train(store: Store, records: int, after: Callable[[Record], None]) -> tuple[ExperimentFinished, list[Record]]:
    """Run a session; return its end and the emitted records. ``after`` is called after each of them."""
    outcome, events = run_session(
        store, recording(records), small_spec(), lambda event: after(event) if isinstance(event, Record) else None
    )
    assert events[-1] == outcome
    return outcome, of(Record, events)


def at_step(step: int, act: Callable[[], object]) -> Callable[[Record], None]:
    return lambda shown: act() and None if shown.step == step else None


def is_whole(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as reader:
        return bool(reader.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


def damage_pages(file: Path, first: int, last: int) -> None:
    """Overwrite pages of the file by garbage, as a failing disk does."""
    with file.open("rb+") as opened:
        opened.seek(4096 * first)
        opened.write(b"\xa5" * 4096 * (last - first))
