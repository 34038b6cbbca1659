"""Time from a choice of the colour scheme in the View menu until the window is repainted.

    python -m benchmarks.theme [--switches N]

The real window at 1280x800 on the tab of an experiment with curves of ten runs, with every other tab built; then also
with the board of every tab. A switch ends with the last update of the window before a pause of QUIET_MS.

Needs an X display; if there is none, Debian's xvfb is started.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication

from benchmarks.display import display
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from gui.experiment.experiment_tab import ExperimentTab
from gui.startup.garbage_collector import GarbageCollector
from gui.utils.theme import Scheme, apply_scheme, apply_style
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor, finished, record, started, weights
from tests.gui.support import Assistant

RECORDS = 200  # of each run
QUIET_MS = 150


class UpdateWatch(QObject):
    """Notes when an update of ``window`` was painted; ``wait`` returns the time of the last one before a pause."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._painted = 0.0
        self._loop = QEventLoop(self)
        self._quiet = QTimer(self, interval=QUIET_MS, singleShot=True)
        self._quiet.timeout.connect(self._loop.quit)
        window.installEventFilter(self)

    def eventFilter(self, _window: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.UpdateRequest:
            # This event triggers painting, so the timer fires once painting is done.
            QTimer.singleShot(0, self._note)
        return False

    def wait(self) -> float:
        self._quiet.start()
        self._loop.exec()
        return self._painted

    def _note(self) -> None:
        self._painted = time.perf_counter()
        self._quiet.start()


def run_events(task: TrainTask) -> list[Event]:
    records = [
        record(
            task.run,
            10 * number,
            seconds=0.1 * number,
            training_loss=2.3 / number,
            validation_accuracy=1 - 1 / number,
            dead_units=(1,),
            activation_means=(0.1,),
            activation_deviations=(0.5,),
        )
        for number in range(1, RECORDS + 1)
    ]
    return [started(task.run), weights(task.run), *records, finished(task.run)]


def opened(workspace: Path) -> MainWindow:
    """Open a window and run an experiment in it."""
    window = MainWindow(workspace, ScriptedExecutor(run_events), Assistant(), Assistant(), Assistant())
    window.resize(1280, 800)
    window.show()
    tab = window.findChild(ExperimentTab, "tab_architectures")
    ended = QEventLoop()
    window.training_ended.connect(ended.quit)
    tab.form.show_values({"epochs": RECORDS // 2})  # 26 steps each
    tab.start()
    ended.exec()
    return window


def switch_times(window: MainWindow, switches: int) -> list[float]:
    """Return the seconds of each of ``switches`` switches between dark and light, after one that is not counted."""
    watch = UpdateWatch(window)
    watch.wait()
    times = []
    for scheme in islice(cycle((Scheme.DARK, Scheme.LIGHT)), switches + 1):
        action: Any = window.findChild(QAction, f"scheme_{scheme}")
        begin = time.perf_counter()
        action.trigger()
        times.append(watch.wait() - begin)
    return times[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description="How soon the window has another colour scheme.")
    parser.add_argument("--switches", type=int, default=8)
    options = parser.parse_args()
    with display(), tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder  # the choice is stored
        app = QApplication(sys.argv[:1])
        apply_style(app)
        apply_scheme(app, Scheme.LIGHT)
        GarbageCollector(app)
        window = opened(Path(folder))
        tabs = window.findChildren(ExperimentTab)
        for built, build in (("every tab built", ExperimentTab.build), ("and every board", ExperimentTab.prepare)):
            for tab in tabs:
                build(tab)
            times = switch_times(window, options.switches)
            print(
                f"{built}, {len(app.allWidgets()):,} widgets: {1000 * median(times):.0f} ms  "
                f"({1000 * min(times):.0f} to {1000 * max(times):.0f})",
                flush=True,
            )
        window.close()


if __name__ == "__main__":
    main()
