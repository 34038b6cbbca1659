"""The list of 500 experiments with 2,000 runs, against a bare table of the same size: opening, sorting, searching.

The workspace is written in SQL, its runs as the program stores them: settings, device, confusion matrix, 48 records.
Opening goes from the page's first question to the store until its rows are painted. The bare table is a ``QTableView``
on a ``QStandardItemModel`` that holds the same texts already, sorted and filtered by a ``QSortFilterProxyModel``.

Usage: python -m benchmarks.history [rounds]
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np

from engine.database import pack
from engine.datasets import DatasetInfo
from engine.experiments import EXPERIMENTS
from engine.experiments.architectures import plan
from engine.experiments.base import TrainingExperiment
from engine.paths import store_file
from engine.store import Store

EXPERIMENT_COUNT, RUNS_EACH, RECORDS = 500, 4, 48
ACCURACY_COLUMN = 8
INFO = DatasetInfo("digits", "Digits", tuple("0123456789"), (32, 32, 1), 1293, 144, 360, "0" * 64)


def fill(workspace: Path, experiments: int = EXPERIMENT_COUNT, records: int = RECORDS) -> None:
    """Write ``experiments`` of four runs each."""
    Store(workspace).close()
    generator = np.random.default_rng(0)
    confusion = json.dumps(np.full((10, 10), 36).tolist())
    device = json.dumps({"kind": "CPU", "name": "a processor", "threads": 1})
    versions = json.dumps({"keras": "3.11.0", "tensorflow": "2.20.0", "numpy": "2.2.0"})
    definition = EXPERIMENTS["architectures"]
    assert isinstance(definition, TrainingExperiment)
    with closing(sqlite3.connect(store_file(workspace))) as database, database:
        for number in range(1, experiments + 1):
            spec = definition.preset("quick", architectures=["mlp_1", "cnn_4"], epochs=1 + number % 20, seed=number)
            database.execute(
                "INSERT INTO experiments (id, name, spec, seed, dataset, versions, device, workers, status, created, "
                "finished, title) VALUES (?, 'architectures', ?, ?, ?, ?, ?, 2, 'finished', ?, ?, ?)",
                (
                    *(number, spec.to_json(), number, json.dumps(asdict(INFO)), versions, device),
                    *(1.7e9 + 3600 * number, 1.7e9 + 3600 * number + 60, f"Series {number % 7}"),
                ),
            )
            for position, run in enumerate(plan(spec)):
                identity = RUNS_EACH * number + position
                accuracy = float(generator.uniform(0.8, 0.99))
                database.execute(
                    "INSERT INTO runs (id, experiment, variant, repeat, seed, spec, parameters, total_steps, "
                    "steps_per_epoch, versions, device, status, started, finished, seconds, test_loss, test_accuracy, "
                    "confusion) VALUES (?, ?, ?, ?, ?, ?, 33130, ?, 26, ?, ?, 'finished', 0, 1, 1, 0.1, ?, ?)",
                    (
                        *(identity, number, run.variant, run.repeat, run.seed, run.to_json(), 10 * records),
                        *(versions, device, accuracy, confusion),
                    ),
                )
                empty, floats = b"", pack([0.1] * 5, "<f4")
                database.executemany(
                    "INSERT INTO points VALUES (?, ?, 1, 0, 1, 0.5, 0.9, 0.5, ?, 0.1, 0.001, ?, ?, ?, ?, ?)",
                    (
                        (identity, 10 * at, accuracy * (1 - 0.9**at), floats, floats, empty, empty, empty)
                        for at in range(1, records + 1)
                    ),
                )
