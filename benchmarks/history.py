"""The list of 500 experiments with 2,000 runs, against a bare table of the same size: opening, sorting, searching.

The workspace is written in SQL, its runs as the program stores them: settings, device, confusion matrix, 48 records.
Opening lasts from the page's first query to the store until its rows are painted. The bare table is a ``QTableView``
on a ``QStandardItemModel`` that holds the same texts already, sorted and filtered by a ``QSortFilterProxyModel``.

Usage: python -m benchmarks.history [rounds]
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
from PySide6.QtCore import QEventLoop, QSortFilterProxyModel, Qt, QTimer
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QApplication, QLineEdit, QTableView, QWidget

from engine.events.datasets import DatasetInfo
from engine.experiments import EXPERIMENTS
from engine.experiments.architectures.experiment import plan
from engine.experiments.base import TrainingExperiment
from engine.storage.database import pack
from engine.storage.store import Store
from engine.utils.paths import store_file
from engine.workspace.catalogue import Catalogue, CatalogueEntry
from gui.background.store_reader import StoreReader
from gui.history.model import BEST, COLUMNS, NUMBER
from gui.history.tab import HistoryTab
from gui.utils.theme import Scheme, apply_scheme, apply_style

EXPERIMENT_COUNT, RUNS_EACH, RECORDS = 500, 4, 48
ROUNDS = 5
TICK_MS = 4
SEARCH = "series 3"
INFO = DatasetInfo("digits", "Digits", tuple("0123456789"), (32, 32, 1), 1293, 144, 360, "0" * 64)


def main(rounds: int) -> None:
    app = QApplication(sys.argv[:1])
    apply_style(app)
    apply_scheme(app, Scheme.LIGHT)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        fill(workspace)
        with closing(Catalogue(workspace)) as catalogue:
            began = time.perf_counter()
            made = len(list(catalogue.make_thumbnails()))
            print(f"{made} thumbnails made, once: {1000 * (time.perf_counter() - began):.0f} ms, in the background")
            entries = catalogue.entries()
        ours, bare = [Ours(workspace) for _ in range(rounds)], [Bare(entries) for _ in range(rounds)]
        # Page and table alternate, so that other load on the machine affects both.
        times = [(a.measure(), b.measure()) for a, b in zip(ours, bare, strict=True)]
        held = median(page.longest_hold for page in ours)
    print(f"{EXPERIMENT_COUNT} experiments, {EXPERIMENT_COUNT * RUNS_EACH} runs; medians of {rounds} rounds")
    for position, what in enumerate(("opened and painted", "sorted", "searched")):
        page, table = (median(1000 * pair[side][position] for pair in times) for side in (0, 1))
        print(f"{what:<20}page {page:7.1f} ms   bare table {table:7.1f} ms   ratio {page / table:5.2f}")
    print(f"while it opens, the event loop is held for {1000 * held:.1f} ms at most")


class Ours:
    """The history page on its own store."""

    def __init__(self, workspace: Path) -> None:
        self._reader = StoreReader(workspace)
        self._tab = HistoryTab(self._reader)
        self._tab.resize(1264, 720)
        self.longest_hold = 0.0

    def measure(self) -> tuple[float, float, float]:
        """Return the seconds to open, sort and search, each until painted."""
        header = self._tab.table.horizontalHeader()
        line = self._tab.findChild(QLineEdit, "history_search")
        seconds = (
            self._open(),
            painted(self._tab, lambda: header.setSortIndicator(BEST, Qt.SortOrder.AscendingOrder)),
            painted(self._tab, lambda: line.setText(SEARCH)),
        )
        self._tab.close()
        self._reader.close()
        return seconds

    def _open(self) -> float:
        loop, last = QEventLoop(), time.perf_counter()

        def tick() -> None:
            nonlocal last
            now = time.perf_counter()
            self.longest_hold, last = max(self.longest_hold, now - last - TICK_MS / 1000), now

        timer = QTimer(interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(tick)
        self._tab.listed.connect(loop.quit)
        began = time.perf_counter()
        self._tab.show()
        QApplication.processEvents()
        timer.start()
        last = time.perf_counter()
        loop.exec()
        self._tab.repaint()
        tick()
        return time.perf_counter() - began


class Bare:
    """A table view of the same texts, in memory."""

    def __init__(self, entries: list[CatalogueEntry]) -> None:
        model = QStandardItemModel(len(entries), len(COLUMNS))
        for row, entry in enumerate(entries):
            for position, column in enumerate(COLUMNS):
                item = QStandardItem(column.text(entry))
                item.setData(column.key(entry), Qt.ItemDataRole.UserRole)
                model.setItem(row, position, item)
        self._proxy = QSortFilterProxyModel()
        self._proxy.setSourceModel(model)
        self._proxy.setSortRole(Qt.ItemDataRole.UserRole)
        self._proxy.setFilterKeyColumn(-1)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._model = model
        self._view = QTableView()
        self._view.resize(1264, 720)

    def measure(self) -> tuple[float, float, float]:
        """Return the seconds to open, sort and search, each until painted."""

        def show() -> None:
            self._view.setModel(self._proxy)
            self._proxy.sort(NUMBER, Qt.SortOrder.DescendingOrder)
            self._view.show()
            QApplication.processEvents()

        seconds = (
            painted(self._view, show),
            painted(self._view, lambda: self._proxy.sort(BEST, Qt.SortOrder.AscendingOrder)),
            painted(self._view, lambda: self._proxy.setFilterFixedString(SEARCH)),
        )
        self._view.close()
        return seconds


def painted(widget: QWidget, act: Callable[[], object]) -> float:
    """Return the seconds from ``act`` until ``widget`` has been painted."""
    began = time.perf_counter()
    act()
    QApplication.processEvents()
    widget.repaint()
    return time.perf_counter() - began


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


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
