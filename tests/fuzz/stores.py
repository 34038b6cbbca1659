"""Targets: a workspace that was damaged or comes from elsewhere, and what the window remembers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PySide6.QtCore import QSettings

from engine.analysis.results import load_results
from engine.cli.arguments import parse
from engine.devices.names import Allocation
from engine.events.devices import Device
from engine.events.experiments import Computed
from engine.events.runs import Intervention, InterventionKind, Mistake, Status
from engine.experiments import RUNNABLE_EXPERIMENTS
from engine.storage.store import Store
from engine.utils.paths import store_file
from engine.workspace.catalogue import Catalogue
from engine.workspace.durations.estimate import estimate
from engine.workspace.queue import QueueStore
from engine.workspace.replay import experiment_events
from engine.workspace.search import Query
from engine.workspace.trained_networks import trained_runs
from gui.utils.preferences import load_preferences, startup_options, without_unsafe_values
from tests.engine.support import small_spec, sql
from tests.fuzz.mutators import ODD_TEXTS, ODD_VALUES, as_json, mutated_bytes, mutated_text, mutated_value
from tests.fuzz.oracle import is_taken
from tests.fuzz.target import Target, spoilt
from tests.stored import store_experiment

TABLES = ("experiments", "runs", "points", "weights", "computations", "arrays", "interventions", "mistakes", "queue")
JSON_COLUMNS = (
    "spec",
    "dataset",
    "versions",
    "device",
    "thumbnail",
    "layers",
    "units",
    "confusion",
    "shape",
    "findings",
)

FINDINGS: dict[str, Any] = {
    "input_shape": [1, 1, 2, 2],
    "kernel_shape": [1, 1, 1, 1],
    "output_shape": [1, 1, 2, 2],
    "input_dtype": "float64",
    "kernel_dtype": "float64",
    "multiplications": 4,
    "methods": {"loops": {"seconds": 0.5, "dtype": "float64"}},
}


@cache
def _sound_store() -> bytes:
    """A store with an experiment of runs, one that was computed, and one that waits."""
    with TemporaryDirectory() as folder:
        workspace = Path(folder)
        store_experiment(workspace)
        with closing(Store(workspace)) as store:
            run = store.runs(1)[0].id
            store.add(Intervention(run, 10, 1.0, InterventionKind.LEARNING_RATE, 0.5))
            mistake = Mistake(3, 1, 2, 0.9, np.zeros((2, 2, 1), np.uint8))
            values = (run, 0, 3, 1, 2, 0.9, "[2, 2, 1]", mistake.pixels.tobytes())
            columns = "run, rank, image, true, predicted, confidence, shape, data"
            sql(workspace, f"INSERT INTO mistakes ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *values)  # noqa: S608
            spec = RUNNABLE_EXPERIMENTS["convolution"].preset("quick")
            number = store.add_experiment("convolution", spec.to_json(), 0, None, 1)
            store.add_computation(number, Computed(FINDINGS, {"input": np.zeros((1, 2))}, Device("CPU", "x", 1), {}))
            store.finish_experiment(number, Status.FINISHED, "")
        with closing(QueueStore(workspace)) as orders:
            orders.add(RUNNABLE_EXPERIMENTS["architectures"], small_spec())
            orders.add(RUNNABLE_EXPERIMENTS["architectures"], small_spec(), extends=1)
        with closing(Catalogue(workspace)) as catalogue:
            list(catalogue.make_thumbnails())
        return store_file(workspace).read_bytes()


def _spoil_cells(database: sqlite3.Connection, random: Random) -> None:
    """Other values in up to three cells."""
    database.execute("PRAGMA ignore_check_constraints=ON")
    for _ in range(random.randint(1, 3)):
        table = random.choice(TABLES)
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        column = random.choice([*columns, *(each for each in columns if each in JSON_COLUMNS)])
        found = database.execute(f"SELECT {column} FROM {table} ORDER BY random() LIMIT 1").fetchone()  # noqa: S608
        if found is None:
            continue
        try:
            database.execute(f"UPDATE OR IGNORE {table} SET {column}=?", (_odd_cell(found[0], random),))  # noqa: S608
        except (sqlite3.Error, OverflowError, UnicodeError):  # no value that a cell can hold
            continue


def _odd_cell(value: Any, random: Random) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "[") and random.random() < 0.7:
        with suppress(ValueError):  # changed before
            return as_json(mutated_value(json.loads(value), random))
    if isinstance(value, str) and random.random() < 0.5:
        return mutated_text(value, random)
    if isinstance(value, bytes) and random.random() < 0.5:
        return mutated_bytes(value, random)
    odd = (*ODD_VALUES, *ODD_TEXTS, "../../precious.keras", "/etc/passwd", "models/../../precious.keras", b"\xff" * 9)
    cell = random.choice(odd)
    return as_json(cell) if isinstance(cell, list | dict | tuple) else cell


def _write_cells(number: int, file: Path) -> None:
    file.write_bytes(_sound_store())
    with closing(sqlite3.connect(file)) as database, database:
        _spoil_cells(database, Random(number))  # noqa: S311


def _write_bytes(number: int, file: Path) -> None:
    random = Random(number)  # noqa: S311
    content = bytearray(_sound_store())
    for _ in range(random.choice((1, 4, 64))):
        content[random.randrange(len(content))] = random.randrange(256)
    file.write_bytes(mutated_bytes(bytes(content), random) if random.random() < 0.3 else bytes(content))


def _look_through(catalogue: Catalogue) -> None:
    for entry in catalogue.entries():
        Query("mean>10 x").matches(entry)
        assert entry.difference is not None
        assert entry.search_text
        catalogue.trained(entry.number)
    list(catalogue.make_thumbnails())


def _throw_away(catalogue: Catalogue) -> None:
    catalogue.delete([2])
    catalogue.purge([1, 2])
    sql(catalogue.workspace, "UPDATE experiments SET deleted=1")
    catalogue.purge([1])


def _wait(orders: QueueStore) -> None:
    orders.all()
    while (order := orders.take("")) is not None:
        orders.remove(order.id)


def _estimate(orders: QueueStore) -> None:
    estimate(orders.workspace, orders.all(), lambda _runs, _threads: Allocation(1, 1))


def _read_results(store: Store) -> None:
    store.experiments(10)
    load_results(store, 1)


QUESTIONS: tuple[tuple[type[Any], Callable[[Any], object]], ...] = (
    (Catalogue, _look_through),
    (Store, trained_runs),
    (Store, lambda store: list(experiment_events(store, 1))),
    (Store, lambda store: list(experiment_events(store, 2))),
    (Store, _read_results),
    (QueueStore, _estimate),
    (QueueStore, _wait),
    (Catalogue, _throw_away),
)


def _store(write: Callable[[int, Path], None]) -> Callable[[int, Path], bool]:
    def check(number: int, folder: Path) -> bool:
        workspace = folder / "workspace"
        workspace.mkdir(exist_ok=True)
        precious = folder / "precious.keras"
        precious.write_bytes(b"not the program's")
        for place in workspace.glob("trainscope.sqlite3*"):
            place.unlink()
        write(number, store_file(workspace))
        taken = [is_taken(lambda: _asked(kind, use, workspace)) for kind, use in QUESTIONS]  # noqa: B023
        assert precious.exists(), "a file outside of the workspace was removed"
        return all(taken)

    return check


def _asked(kind: type[Any], use: Callable[[Any], object], workspace: Path) -> None:
    with closing(kind(workspace)) as opened:
        use(opened)


def _remembered(found: bytes | tuple[str, Any], folder: Path) -> bool:
    """What can't be made sense of counts as never chosen, so this is never refused."""
    file = folder / "window.ini"
    file.write_bytes(found if isinstance(found, bytes) else b"")
    settings = without_unsafe_values(QSettings(str(file), QSettings.Format.IniFormat))
    if not isinstance(found, bytes):
        settings.setValue(*found)
    return is_taken(lambda: startup_options(parse([]), load_preferences(settings)), refusals=())


SOUND_SETTINGS = (
    b"[General]\nworkspace=/a/b\nworkers=3\ndevice=gpu:0\nscheme=dark\ngeometry=@ByteArray(\\x1\\xd9)\n"
    b"splitters\\x=@Variant(\\0\\0\\0\\t)\n"
)
kept = st.sampled_from([each for each in (*ODD_VALUES, *ODD_TEXTS) if isinstance(each, str | bool | float | bytes)])
keys = st.sampled_from(("workspace", "workers", "device", "scheme"))

STORES = (
    Target("cells of a store", st.integers(0, 2**48), _store(_write_cells)),
    Target("bytes of a store", st.integers(0, 2**48), _store(_write_bytes), 0.6),
    Target("preferences", spoilt(lambda: [SOUND_SETTINGS], mutated_bytes) | st.tuples(keys, kept), _remembered),
)
