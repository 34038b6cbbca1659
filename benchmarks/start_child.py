"""Launched by benchmarks/start.py: a window that prints when it was painted, and ends.

Imports nothing that only one of the two windows needs: python -m benchmarks.start_child program|bare
"""

from __future__ import annotations

import os
import sys
import time


def child(kind: str) -> None:
    """Open a window, print the time of its first paint, and end."""
    from PySide6 import QtCore, QtWidgets

    class PaintFilter(QtCore.QObject):
        def eventFilter(self, _window: QtCore.QObject, event: QtCore.QEvent) -> bool:  # noqa: N802
            if event.type() == QtCore.QEvent.Type.Expose:
                # This event triggers painting, so the timer fires once painting is done.
                QtCore.QTimer.singleShot(0, tell)
            return False

    def tell() -> None:
        print(time.monotonic(), flush=True)
        os._exit(0)

    class Application(QtWidgets.QApplication):
        def exec(self) -> int:
            (window,) = (each for each in self.topLevelWidgets() if isinstance(each, QtWidgets.QMainWindow))
            eye = PaintFilter(self)
            window.windowHandle().installEventFilter(eye)
            return super().exec()

    QtWidgets.QApplication = Application  # type: ignore[misc]
    if kind == "bare":
        bare_window()
    else:
        from main import main

        sys.argv = ["main.py", "--workspace", os.environ["WORKSPACE"]]
        main()


def bare_window() -> None:
    """Open a window with nothing but a plot."""
    import pyqtgraph
    from PySide6.QtWidgets import QApplication, QMainWindow

    app = QApplication([])
    window = QMainWindow()
    plot = pyqtgraph.PlotWidget()
    plot.plot([1, 2, 3], [1, 4, 9])
    window.setCentralWidget(plot)
    window.resize(1280, 800)
    window.show()
    app.exec()


if __name__ == "__main__":
    child(sys.argv[1])
