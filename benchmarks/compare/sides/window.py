"""(f) This program with its window: four live plots, weights and table."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from benchmarks.compare.protocol import Round, Workload
from benchmarks.compare.sides.engine import Seen, spec_of
from engine.executors.processes.pool import ProcessExecutor
from gui.experiment.experiment_tab import ExperimentTab
from gui.startup.garbage_collector import GarbageCollector
from gui.utils.theme import Scheme, apply_scheme, apply_style
from gui.window.main_window import MainWindow


def make(workload: Workload) -> Callable[[], Round]:
    app = QApplication(sys.argv[:1])
    apply_style(app)
    apply_scheme(app, Scheme.LIGHT)
    folder = Path(tempfile.mkdtemp(dir=workload.file.parent))
    executors = (ProcessExecutor(count, folder / "logs", low_priority=True) for count in (None, 1, 1, 1))
    window = MainWindow(folder, *executors)
    window.resize(1280, 800)
    window.show()
    app.aboutToQuit.connect(window.close)
    GarbageCollector(app)

    def train() -> Round:
        seen = Seen()
        tab = window.findChild(ExperimentTab, "tab_architectures")
        tab.form.show_spec(spec_of(workload, runs=1))
        over = QEventLoop()
        window.trained.connect(seen.take)
        window.training_ended.connect(over.quit)
        tab.start()
        over.exec()
        window.trained.disconnect(seen.take)
        window.training_ended.disconnect(over.quit)
        return seen.round()

    return train
