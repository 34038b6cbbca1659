"""Time from ``run.log`` in a script until its number is on a curve of the window.

    python -m benchmarks.watching [--seconds S]

The real window at 1280x800 on the page Watch follows scripts, each a process of its own that logs with the logger of
resources/logger: one at every 20 ms, as a small network does; one at every second, whose newest numbers are held back
for more of their step; and four at once. A curve counts as drawn once the plot has been given the number.

Needs an X display; if there is none, Debian's xvfb is started.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QTabWidget

from benchmarks.display import display
from benchmarks.lateness import LatenessTimer
from engine.utils.paths import RESOURCES
from engine.workspace.watch_library import WatchLibrary
from gui.plots.curves.curve_plot import CurvePlot
from gui.startup.garbage_collector import GarbageCollector
from gui.utils.theme import Scheme, apply_scheme, apply_style
from gui.watch.tab import WatchTab
from gui.window.main_window import MainWindow
from tests.gui.support import Assistant

LOOK_MS = 5
QUANTITY = "training_loss"
SCRIPT = """
import sys, time, trainscope_log
folder, variant, every, steps = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
run = trainscope_log.start("delay", variant=variant, folder=folder, steps=steps)
for step in range(1, steps + 1):
    time.sleep(every)
    logged = time.time()
    run.log(step, training_loss=2 / step)
    print(step, logged, flush=True)
run.finish()
"""


class Watch:
    """Notes when each step of each variant is drawn."""

    def __init__(self, page: WatchTab, variants: list[str]) -> None:
        self._page, self._variants = page, variants
        self.drawn: dict[str, list[float]] = {name: [] for name in variants}
        self.timer = QTimer(page, interval=LOOK_MS)
        self.timer.timeout.connect(self._look)

    def _look(self) -> None:
        plot = self._page.findChild(CurvePlot, "logged_loss")
        if plot is None:
            return
        for name in self._variants:
            if name in plot.curves:
                steps, _ = plot.curve_data(name, QUANTITY)
                self.drawn[name] += [time.time()] * (len(steps) - len(self.drawn[name]))


def delays(page: WatchTab, folder: Path, every: float, scripts: int, seconds: float) -> tuple[list[float], list[float]]:
    """Return the delay of every number, and the lateness of the window's event loop, in ms."""
    names, steps = [f"{scripts}x{every:g}-{number}" for number in range(scripts)], max(5, int(seconds / every))
    late: list[float] = []
    lateness, watch, loop = LatenessTimer(late.append, page), Watch(page, names), QEventLoop()
    environment = os.environ | {"PYTHONPATH": str(RESOURCES / "logger")}
    programs = [
        subprocess.Popen(  # noqa: S603 - the script above
            [sys.executable, "-c", SCRIPT, str(folder), name, str(every), str(steps)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    watch.timer.start()
    lateness.begin()
    QTimer.singleShot(round(1000 * (steps * every + 5)), loop.quit)
    loop.exec()
    watch.timer.stop()
    lateness.stop()
    found = []
    for program, name in zip(programs, names, strict=True):
        output, _ = program.communicate()
        logged = [float(line.split()[1]) for line in output.splitlines()]
        assert len(logged) == steps == len(watch.drawn[name]), (name, len(logged), len(watch.drawn[name]))
        found += [1000 * (drawn - sent) for drawn, sent in zip(watch.drawn[name], logged, strict=True)]
    return found, late


def main() -> None:
    parser = argparse.ArgumentParser(description="How soon a logged number is on a curve.")
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    with display(), tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        app = QApplication(sys.argv[:1])
        apply_style(app)
        apply_scheme(app, Scheme.LIGHT)
        GarbageCollector(app)
        logs, workspace = Path(folder) / "logs", Path(folder) / "workspace"
        logs.mkdir()
        WatchLibrary(workspace).add(logs)
        window = MainWindow(workspace, Assistant(), Assistant(), Assistant(), Assistant())
        window.resize(1280, 800)
        page = window.findChild(WatchTab)
        assert page is not None
        tabs = window.findChild(QTabWidget, "tabs")
        assert tabs is not None
        tabs.setCurrentWidget(page)
        window.show()
        settle = QEventLoop()
        QTimer.singleShot(4000, settle.quit)
        settle.exec()
        for every, scripts in ((0.02, 1), (1.0, 1), (0.02, 4)):
            found, late = delays(page, logs, every, scripts, options.seconds)
            cuts, lates = quantiles(found, n=100), quantiles(late, n=100)
            print(
                f"{scripts} script(s), a number every {1000 * every:g} ms: drawn after {cuts[49]:.0f} ms (p50), "
                f"{cuts[94]:.0f} (p95), {max(found):.0f} (most); event loop late by {lates[49]:.1f} ms (p50), "
                f"{lates[98]:.1f} (p99)",
                flush=True,
            )
        window.close()


if __name__ == "__main__":
    main()
