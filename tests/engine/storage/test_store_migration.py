"""engine.storage.store: migration of files of older versions."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.exports import export_experiment
from engine.storage.schema import SCHEMA_VERSION
from engine.storage.store import Store
from engine.utils.errors import StoreError
from engine.workspace.queue import QueueStore
from tests.engine.support import finished, opened_by_many, planned, record, small_spec, started, timeless, weights

NEWER_SETTINGS = ("schedule", "max_steps", "counts_dead_units", "probe", "start_from")

POINTS_OF_VERSION_2 = """CREATE TABLE points (
    run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE, step INTEGER NOT NULL, epoch INTEGER NOT NULL,
    wall_time REAL NOT NULL, seconds REAL NOT NULL, training_loss REAL, training_accuracy REAL, validation_loss REAL,
    validation_accuracy REAL, gradient_norm REAL, learning_rate REAL, gradient_norms TEXT NOT NULL,
    update_ratios TEXT NOT NULL, dead_units TEXT NOT NULL DEFAULT '[]', PRIMARY KEY (run, step)) WITHOUT ROWID"""


def json_numbers(data: bytes, dtype: str) -> str:
    """Return numbers per layer in the JSON of version 2."""
    numbers = np.frombuffer(data, dtype).tolist()
    return json.dumps([None if math.isnan(number) else number for number in numbers])


def make_version_2(file: Path) -> None:
    """Convert the file to version 2, with numbers per layer as text and without titles, queue or interventions."""
    with closing(sqlite3.connect(file)) as old:
        old.create_function("text", 2, json_numbers)
        old.execute("ALTER TABLE points RENAME TO newer")
        old.execute(POINTS_OF_VERSION_2)
        old.execute(
            "INSERT INTO points SELECT run, step, epoch, wall_time, seconds, training_loss, training_accuracy, "
            "validation_loss, validation_accuracy, gradient_norm, learning_rate, text(gradient_norms, '<f4'), "
            "text(update_ratios, '<f4'), text(dead_units, '<i4') FROM newer"
        )
        for table in ("newer", "interventions", "mistakes", "queue", "checkpoints", "metrics", "logs", "dismissed"):
            old.execute(f"DROP TABLE {table}")
        for table, columns in {
            "experiments": ("start_seconds", "title", "notes", "deleted", "thumbnail", "resumed", "spent", "owner"),
            "runs": ("activations", "units", "kept"),
        }.items():
            for column in columns:
                old.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        old.execute("PRAGMA user_version=2")
        old.commit()


def make_version_1(store: Store) -> None:
    """Convert the file to version 1, without dead units and computed experiments."""
    make_version_2(store.file)
    with closing(sqlite3.connect(store.file)) as old:
        for number, text in old.execute("SELECT id, spec FROM runs").fetchall():
            spec = {key: value for key, value in json.loads(text).items() if key not in NEWER_SETTINGS}
            old.execute("UPDATE runs SET spec=? WHERE id=?", (json.dumps(spec), number))
        old.execute("ALTER TABLE points DROP COLUMN dead_units")
        old.execute("DROP TABLE computations")
        old.execute("DROP TABLE arrays")
        old.execute("PRAGMA user_version=1")
        old.commit()


def make_version_5(store: Store) -> None:
    """Convert the file to version 5, without logged runs, so that every record has its seconds."""
    with closing(sqlite3.connect(store.file)) as old:
        (points,) = old.execute("SELECT sql FROM sqlite_master WHERE name='points'").fetchone()
        old.execute("ALTER TABLE points RENAME TO newer")
        old.execute(points.replace("seconds REAL,", "seconds REAL NOT NULL,"))
        old.execute("INSERT INTO points SELECT * FROM newer")
        for table in ("newer", "metrics", "logs", "dismissed"):
            old.execute(f"DROP TABLE {table}")
        old.execute("ALTER TABLE runs DROP COLUMN kept")
        old.execute("PRAGMA user_version=5")
        old.commit()


def make_version_4(store: Store) -> None:
    """Convert the file to version 4, without the seconds until the first run."""
    make_version_5(store)
    with closing(sqlite3.connect(store.file)) as old:
        old.execute("ALTER TABLE experiments DROP COLUMN start_seconds")
        old.execute("PRAGMA user_version=4")
        old.commit()


def make_version_3(store: Store) -> None:
    """Convert the file to version 3, without checkpoints and owners."""
    make_version_4(store)
    with closing(sqlite3.connect(store.file)) as old:
        old.execute("DROP TABLE checkpoints")
        for table, column in (("experiments", "owner"), ("queue", "owner"), ("queue", "resumes")):
            old.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        old.execute("PRAGMA user_version=3")
        old.commit()


def stored_run(store: Store) -> int:
    """Store a finished run with records and weights; return its number."""
    _, (run,) = planned(store)
    for event in (started(run.run), record(run.run), record(run.run, 20), weights(run.run), finished(run.run)):
        store.add(event)
    return run.run


def content_of(file: Path) -> list[str]:
    """Return all contents of a file."""
    with closing(sqlite3.connect(file)) as reader:
        return list(reader.iterdump())


def test_numbers_of_layers_survive_from_version_2(store: Store) -> None:
    run = stored_run(store)
    store.add(record(run, 30, gradient_norms=(math.nan, 2.5), dead_units=(3,)))
    make_version_2(store.file)
    with closing(Store(store.workspace)) as again:
        last = again.records(run)[-1]
        assert math.isnan(last.gradient_norms[0])
        assert (last.gradient_norms[1], last.dead_units, last.activation_means) == (2.5, (3,), ())
        assert again.experiment(1).title == ""


def test_the_queue_survives_from_version_3(store: Store) -> None:
    with closing(QueueStore(store.workspace)) as queue:
        waiting = queue.add(ARCHITECTURES_EXPERIMENT, small_spec())
    make_version_3(store)
    with closing(QueueStore(store.workspace)) as again:
        assert again.all() == [waiting]


def test_an_experiment_of_version_4_has_no_known_start(store: Store) -> None:
    run = stored_run(store)
    store.add_start_seconds(1)
    make_version_4(store)
    with closing(Store(store.workspace)) as again:
        assert [each.step for each in again.records(run)] == [10, 20]
    with closing(sqlite3.connect(store.file)) as reader:
        assert reader.execute("SELECT start_seconds FROM experiments").fetchall() == [(None,)]


def test_a_store_of_version_1_is_brought_up_to_date_and_loses_nothing(store: Store) -> None:
    run = stored_run(store)
    before = [store.records(run), store.experiment(1), timeless([store.last_weights(run)])]
    (planned_run,) = store.runs(1)
    make_version_1(store)
    with closing(Store(store.workspace)) as again:
        assert [again.records(run), again.experiment(1), timeless([again.last_weights(run)])] == before
        assert again.runs(1)[0].spec == planned_run.spec
        again.add(record(run, 30, dead_units=(3, 4)))
        assert again.records(run)[-1].dead_units == (3, 4)
        assert again.computation(1) is None
    with closing(sqlite3.connect(store.file)) as reader:
        assert reader.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION


def test_a_store_of_version_1_can_be_exported(store: Store, tmp_path: Path) -> None:
    stored_run(store)
    make_version_1(store)
    with closing(Store(store.workspace)) as again:
        assert len(export_experiment(again, 1, tmp_path / "out").files) == 12


def test_a_store_of_version_1_can_be_opened_by_many_at_once(store: Store) -> None:
    run = stored_run(store)
    make_version_1(store)
    assert opened_by_many(store.workspace, lambda opened: opened.records(run)) == []


def test_a_file_that_can_not_be_brought_up_to_date_stays_as_it_was(store: Store) -> None:
    stored_run(store)
    make_version_1(store)
    with closing(sqlite3.connect(store.file)) as old:
        old.execute("ALTER TABLE points RENAME TO elsewhere")
    with pytest.raises(StoreError, match="can't be opened"):
        Store(store.workspace)
    with closing(sqlite3.connect(store.file)) as old:
        assert old.execute("PRAGMA user_version").fetchone()[0] == 1
        tables = {name for (name,) in old.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        assert tables == {"experiments", "runs", "elsewhere", "weights"}
    assert list(store.workspace.glob("*.version-*")) == []  # failed attempts leave no copies


def test_a_copy_of_the_older_file_is_kept_and_none_is_written_over(store: Store) -> None:
    run = stored_run(store)
    store.close()
    make_version_2(store.file)
    wanted = store.file.with_name(f"{store.file.name}.version-2")
    wanted.write_text("an older copy")
    before = content_of(store.file)
    with closing(Store(store.workspace)) as again:
        assert len(again.records(run)) == 2
    assert wanted.read_text() == "an older copy"
    assert content_of(wanted.with_name(f"{wanted.name}-2")) == before
    Store(store.workspace).close()
    assert len(list(store.workspace.glob("*.version-*"))) == 2  # no copy of a current version


def test_a_file_on_a_drive_that_has_no_write_ahead_log_is_brought_up_to_date_too(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stored_run(store)
    store.close()
    make_version_2(store.file)
    with closing(sqlite3.connect(store.file)) as old:
        old.execute("PRAGMA journal_mode=DELETE")
    monkeypatch.setattr(Store, "_enable_write_ahead_log", lambda _store: None)
    with closing(Store(store.workspace)) as again:
        assert len(again.records(run)) == 2
    assert len(list(store.workspace.glob("*.version-2"))) == 1


def test_a_file_of_a_newer_program_is_not_touched(store: Store) -> None:
    store.close()
    with closing(sqlite3.connect(store.file)) as newer:
        newer.execute("PRAGMA journal_mode=DELETE")
        newer.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    before = store.file.read_bytes()
    with pytest.raises(StoreError, match="written by a newer Trainscope"):
        Store(store.workspace)
    assert store.file.read_bytes() == before
    assert sorted(store.workspace.glob("trainscope.sqlite3*"))[0] == store.file
