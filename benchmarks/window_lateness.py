"""Lateness of a 16 ms timer in the window's event loop while it trains: p50, p99 and worst.

The whole program: the real window with four live plots, weight grids and table (the tab Architectures), and with the
heat map of gradients among the plots (the tab Activations); garbage is collected as in the program; the default number
of training processes; noise of the size of CIFAR-10 (50,000 images of 32x32x3) as data. Needs a display, or
QT_QPA_PLATFORM=offscreen, which paints as well.

Usage: python -m benchmarks.window_lateness [seconds]
"""

from __future__ import annotations

import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QTabWidget

from benchmarks.lateness import PERIOD_MS, LatenessTimer
from engine.events.commands import Control
from engine.events.experiments import ExperimentFinished
from engine.events.runs import Record
from engine.events.tasks import Event
from engine.executors.processes.pool import ProcessExecutor
from gui.experiment.experiment_tab import ExperimentTab
from gui.startup.garbage_collector import GarbageCollector
from gui.utils.theme import Scheme, apply_scheme, apply_style
from gui.window.main_window import MainWindow

ARCHITECTURES = ("mlp_1", "cnn_4")
TABS = ("architectures", "activations")


def main(seconds: float) -> None:
    app = QApplication(sys.argv[:1])
    apply_style(app)
    apply_scheme(app, Scheme.LIGHT)
    with tempfile.TemporaryDirectory() as folder:
        data = noise_file(Path(folder))
        workspace = Path(folder) / "workspace"
        executors = (ProcessExecutor(count, workspace / "logs", low_priority=True) for count in (None, 1, 1, 1))
        window = MainWindow(workspace, *executors)
        window.show()
        GarbageCollector(app)
        for name, architecture in product(TABS, ARCHITECTURES):
            tab = window.findChild(ExperimentTab, f"tab_{name}")
            window.findChild(QTabWidget, "tabs").setCurrentWidget(tab)
            lateness, records = train_and_watch(window, tab, architecture, data, seconds)
            p50, p99 = np.percentile(lateness, [50, 99])
            print(
                f"{name}, {architecture}: {len(lateness)} ticks, {records} records; lateness of a {PERIOD_MS} ms "
                f"timer: p50 {p50:.1f} ms, p99 {p99:.1f} ms, worst {max(lateness):.1f} ms",
                flush=True,
            )
        window.close()


def train_and_watch(
    window: MainWindow, tab: ExperimentTab, architecture: str, data: Path, seconds: float
) -> tuple[list[float], int]:
    """Return the lateness in ms of every tick from the first record on for ``seconds``, and the number of records."""
    spec = tab.experiment.preset("course", dataset=str(data), architectures=[architecture], repeats=4)
    tab.form.show_spec(spec)
    finished, watched = QEventLoop(), QEventLoop()
    records = 0

    def count(event: Event) -> None:
        nonlocal records
        if isinstance(event, Record):
            records += 1
            if records == 1:
                begin()
        if isinstance(event, ExperimentFinished):
            watched.quit()

    lateness: list[float] = []

    def begin() -> None:
        timer.begin()
        QTimer.singleShot(round(1000 * seconds), watched.quit)

    timer = LatenessTimer(lateness.append, window)
    window.trained.connect(count)
    window.training_ended.connect(finished.quit)
    tab.start()
    watched.exec()
    timer.stop()
    tab.command_given.emit(Control.CANCEL)
    finished.exec()
    window.trained.disconnect(count)
    return lateness, records


def noise_file(folder: Path) -> Path:
    generator = np.random.default_rng(0)
    path = folder / "noise.npz"
    np.savez(
        path,
        x_train=generator.integers(0, 256, (50_000, 32, 32, 3), dtype=np.uint8),
        y_train=generator.integers(0, 10, 50_000),
        x_test=generator.integers(0, 256, (1_000, 32, 32, 3), dtype=np.uint8),
        y_test=np.arange(1_000) % 10,
    )
    return path


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
