"""Take screenshots of the window's pages for docs/guide.md, light and dark, from a workspace of finished experiments.

    .venv/bin/python packaging/pictures.py WORKSPACE docs/images

The workspace must hold an architectures experiment and one more; ``packaging/walk.py --keep`` creates one. Works on any
display, or without one if QT_QPA_PLATFORM=offscreen.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PySide6.QtCore import QDeadlineTimer, QEventLoop  # noqa: E402
from PySide6.QtWidgets import QApplication, QDialog, QPlainTextEdit, QTabBar, QTabWidget, QWidget  # noqa: E402

from engine.experiments.learning_rate import LEARNING_RATE_EXPERIMENT  # noqa: E402
from engine.storage.store import Store  # noqa: E402
from engine.utils.logs import ProgramLog  # noqa: E402
from engine.workspace.catalogue import Catalogue  # noqa: E402
from engine.workspace.network_library import NetworkLibrary  # noqa: E402
from engine.workspace.queue import QueueStore  # noqa: E402
from gui.app import make_window  # noqa: E402
from gui.dialogs.network import NetworkDialog  # noqa: E402
from gui.dialogs.report import ReportDialog  # noqa: E402
from gui.history.opened_tab import OpenedTab  # noqa: E402
from gui.history.tab import HistoryTab  # noqa: E402
from gui.utils.preferences import StartupOptions  # noqa: E402
from gui.utils.theme import Scheme, apply_scheme, apply_style  # noqa: E402
from gui.window.queue_panel import QueuePanel  # noqa: E402

PATIENCE_MS = 60_000
SETTLE_MS = 1200  # for views that are painted one per tick, and images that are loaded
SAMPLES_MS = 8000  # loaded by a child process
SIZE = (1280, 800)
RESIDUAL_NETWORK = """Conv-3x3x16(same, no bias), BatchNorm, ReLU,
Skip[Conv-3x3x16(same, no bias), BatchNorm], ReLU,
Skip[Conv-3x3x32(same, stride 2, no bias), BatchNorm | Conv-1x1x32(stride 2, no bias)], ReLU,
GlobalAvgPool, Dropout-0.2"""
COLOURS = 192  # palette size: a third of the bytes without a visible difference


class Camera:
    """Takes screenshots of widgets, named after page and colour scheme."""

    def __init__(self, app: QApplication, folder: Path) -> None:
        self._app, self._folder = app, folder
        self.scheme = Scheme.LIGHT

    def settle(self, done: Callable[[], bool] = lambda: False, patience: int = SETTLE_MS) -> None:
        """Process events until ``done`` returns true, or for ``patience`` milliseconds."""
        deadline = QDeadlineTimer(patience)
        while not done() and not deadline.hasExpired():
            self._app.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)

    def take(self, page: str, widget: QWidget) -> None:
        """Save a screenshot of ``widget``."""
        from PIL import Image

        self.settle()
        path = self._folder / f"page-{page}-{self.scheme}.png"
        widget.grab().save(str(path))
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(path, optimize=True)


def newest(workspace: Path) -> dict[str, int]:
    """Return the number of the newest experiment of each kind."""
    with closing(Store(workspace)) as store:
        return {stored.name: stored.id for stored in reversed(store.experiments(100))}


def photograph(camera: Camera, window: QWidget, workspace: Path) -> None:
    """Take a screenshot of every page.

    Raises:
        SystemExit: if the experiment did not open.
    """
    tabs = window.findChild(QTabWidget, "tabs")
    queue = window.findChild(QueuePanel)
    camera.settle(queue.isVisible, PATIENCE_MS)  # once the queue has been read
    queue.hide()
    history = window.findChild(HistoryTab)
    numbers = newest(workspace)
    titles = {tabs.tabText(position): position for position in range(tabs.count())}
    tabs.setCurrentIndex(titles["History"])
    camera.settle(lambda: history.table.model().rowCount() > 0, PATIENCE_MS)
    camera.take("history", window)
    tabs.setCurrentIndex(titles["Data sets"])
    camera.settle(patience=SAMPLES_MS)
    camera.take("datasets", window)
    history.experiment_actions.open_requested.emit(numbers["architectures"])
    opened = tabs.currentWidget()
    if not isinstance(opened, OpenedTab):
        raise SystemExit("pictures: the experiment was not opened.")
    camera.settle(lambda: opened.is_painted, PATIENCE_MS)
    pages = opened.findChild(QTabBar, "pages")
    for position, page in enumerate(("curves", "layers", "test")):
        pages.setCurrentIndex(position)
        camera.take(page, window)
    history.experiment_actions.compare_requested.emit(tuple(sorted(numbers.values())[:2]))
    compared = tabs.currentWidget()
    camera.settle(lambda: compared.is_painted, PATIENCE_MS)
    camera.take("comparison", window)
    tabs.setCurrentIndex(0)
    queue.show()
    camera.take("queue", window)
    with closing(Catalogue(workspace)) as catalogue:
        dialog: QDialog = ReportDialog(catalogue.newest(20), None, window)
    dialog.show()
    camera.take("report", dialog)
    dialog.close()
    dialog = NetworkDialog(NetworkLibrary(workspace), (32, 32, 3), 10, window)
    dialog.findChild(QPlainTextEdit, "network_notation").setPlainText(RESIDUAL_NETWORK)
    dialog.show()
    camera.take("network", dialog)
    dialog.close()


def main() -> int:
    """Take all screenshots and return the exit code."""
    parser = argparse.ArgumentParser(description="Take the pictures of the window's pages.")
    parser.add_argument("workspace", type=Path)
    parser.add_argument("pictures", type=Path)
    options = parser.parse_args()
    app = QApplication(sys.argv[:1])
    app.setApplicationName("Trainscope pictures")
    apply_style(app)
    with closing(QueueStore(options.workspace)) as queue:
        queue.add(LEARNING_RATE_EXPERIMENT, LEARNING_RATE_EXPERIMENT.preset("quick", repeats=3))
        queue.add(LEARNING_RATE_EXPERIMENT, LEARNING_RATE_EXPERIMENT.preset("quick", epochs=40, seed=7))
    camera = Camera(app, options.pictures)
    for scheme in (Scheme.LIGHT, Scheme.DARK):
        camera.scheme = scheme
        apply_scheme(app, scheme)
        log = ProgramLog()
        window = make_window(StartupOptions(options.workspace), log)
        window.resize(*SIZE)
        window.show()
        photograph(camera, window, options.workspace)
        window.close()
        log.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
