"""Starts the window."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.executors.processes import ProcessExecutor
from engine.paths import log_folder
from gui.platform_check import explain_missing_display

if TYPE_CHECKING:
    from gui.window import MainWindow

EXIT_FAILED = 1
WAKE_INTERVAL_MS = 200  # how long Ctrl-C may take


def run_window(workspace: Path, workers: int | None) -> int:
    """Show the window until it is closed; gives the exit code."""
    problem = explain_missing_display(sys.platform, os.environ)
    if problem is not None:
        sys.stderr.write(f"trainscope: {problem}\n")
        return EXIT_FAILED

    from PySide6.QtCore import QSettings
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    from gui.theme import RESOURCES, apply_scheme, apply_style, stored_scheme
    from gui.window import MainWindow

    app = QApplication(sys.argv[:1])
    app.setApplicationName("Trainscope")
    app.setDesktopFileName("trainscope")
    app.setWindowIcon(QIcon(str(RESOURCES / "icon.svg")))
    apply_style(app)
    apply_scheme(app, stored_scheme(QSettings("Trainscope", "Trainscope")))
    logs = log_folder(workspace)
    window = MainWindow(
        workspace,
        trainer=ProcessExecutor(workers or None, logs, yielding=True),
        assistant=ProcessExecutor(1, logs / "assistant", yielding=True),
        prober=ProcessExecutor(1, logs / "prober", yielding=True),
    )
    window.show()
    close_on_interrupt(window)
    return app.exec()


def close_on_interrupt(window: MainWindow) -> None:
    """Let Ctrl-C in the terminal close the window, as its own button would."""
    from PySide6.QtCore import QTimer

    signal.signal(signal.SIGINT, lambda _number, _frame: window.close())
    # Python sees a signal only when it runs, so it is made to now and then.
    wake = QTimer(window, interval=WAKE_INTERVAL_MS)
    wake.timeout.connect(lambda: None)
    wake.start()
