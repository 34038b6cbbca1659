"""Start the application with its window."""

from __future__ import annotations

import gc
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from engine.utils.errors import StoreError
from engine.utils.logs import ProgramLog
from engine.utils.paths import check_workspace, log_folder
from gui.startup.platform_check import explain_missing_display

# Heavy imports wait until the splash screen is visible.
if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtCore import QObject
    from PySide6.QtWidgets import QApplication

    from engine.cli.arguments import Options
    from engine.executors.base import Executor
    from gui.utils.preferences import Preferences, StartupOptions
    from gui.window.main_window import MainWindow

EXIT_FAILED = 1
DESKTOP_ID = "org.trainscope.Trainscope"  # lets a desktop match the window to its menu entry
WAKE_INTERVAL_MS = 200  # longest delay of Ctrl-C and termination signals


def run_window(options: Options) -> int:
    """Show the window until it is closed; return the exit code."""
    problem = explain_missing_display(sys.platform, os.environ)
    if problem is not None:
        sys.stderr.write(f"trainscope: {problem}\n")
        return EXIT_FAILED

    gc.disable()  # until the window is painted: collections take a tenth of the time of the imports
    from gui.startup.feature_scan import skip_feature_scan

    skip_feature_scan()
    from gui.startup.first_paint import FirstPaint
    from gui.startup.garbage_collector import GarbageCollector
    from gui.startup.splash import Splash
    from gui.utils.preferences import load_preferences, program_settings, startup_options

    preferences = load_preferences(program_settings())
    start = startup_options(options, preferences)
    try:
        check_workspace(start.workspace)
    except StoreError as error:
        sys.stderr.write(f"trainscope: {error}\n")
        return EXIT_FAILED
    app = _make_application(preferences)
    splash = Splash()
    splash.show_now()
    own_log = ProgramLog()
    keeper = WindowKeeper(start, own_log)
    window = keeper.open()
    FirstPaint(window, splash.deleteLater)
    FirstPaint(window, lambda: GarbageCollector(app))
    close_on_interrupt(app, keeper)
    try:
        code = app.exec()
    finally:
        own_log.close()
    if keeper.is_open:
        # The display was lost while the window was open. Python would wait for the training processes, which wait for
        # this one; they end with it, and all records are stored.
        sys.stderr.write("trainscope: The display is gone; what was recorded is kept, and goes on at the next start.\n")
        sys.stderr.flush()
        os._exit(code or EXIT_FAILED)
    return code


def _make_application(preferences: Preferences) -> QApplication:
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    from engine.utils.paths import RESOURCES
    from gui.utils.theme import apply_scheme, apply_style

    app = QApplication(sys.argv[:1])
    app.setApplicationName("Trainscope")
    app.setDesktopFileName(DESKTOP_ID)
    app.setWindowIcon(QIcon(str(RESOURCES / "icon.svg")))
    apply_style(app)
    apply_scheme(app, preferences.scheme)
    return app


class WindowKeeper:
    """Owns the main window, and replaces it after a change of preferences that needs a new one."""

    def __init__(self, start: StartupOptions, own_log: ProgramLog) -> None:
        self._start, self._own_log = start, own_log
        self.window: MainWindow | None = None

    def open(self) -> MainWindow:
        """Open a window and return it; a previous one is closed afterwards, so that the application does not quit."""
        before = self.window
        if before is not None:
            before.remember()
        from gui.background.store_check import check_store
        from gui.window.state import fit_to_screen

        self._own_log.write_to(log_folder(self._start.workspace))
        damage = check_store(self._start.workspace)
        self.window = window = make_window(self._start, self._own_log)
        window.reopen_requested.connect(self._reopen)
        fit_to_screen(window)
        window.show()
        if damage is not None:
            window.show_error(damage)
        if before is not None:
            before.close()
            before.deleteLater()
        return window

    @property
    def is_open(self) -> bool:
        """Whether the window is open."""
        return self.window is not None and self.window.isVisible()

    def close(self) -> None:
        """Close the window as its close button would, which may ask."""
        if self.window is not None:
            self.window.close()

    def terminate(self) -> None:
        """Close all windows without asking; records are kept."""
        if self.window is not None:
            self.window.terminate()

    def _reopen(self, before: Preferences, after: Preferences) -> None:
        from gui.utils.preferences import update_startup_options

        now = self._start if self.window is None else replace(self._start, cluster=self.window.cluster)
        self._start = update_startup_options(now, before, after)
        self.open()


def make_window(start: StartupOptions, own_log: ProgramLog) -> MainWindow:
    """Return a main window with its own executors."""
    from gui.background.late_executor import LateExecutor
    from gui.window.main_window import MainWindow

    logs, device = log_folder(start.workspace), start.device

    def processes(workers: int | None, folder: Path, **options: Any) -> LateExecutor:
        def make() -> Executor:
            from engine.executors.processes.pool import ProcessExecutor

            return ProcessExecutor(workers, folder, low_priority=True, **options)

        return LateExecutor(make)

    return MainWindow(
        start.workspace,
        trainer=processes(start.workers, logs, device=device),
        assistant=processes(1, logs / "assistant"),
        prober=processes(1, logs / "prober", device=device),
        librarian=processes(1, logs / "librarian"),
        cluster=start.cluster,
        device=device,
        own_log=own_log,
    )


def close_on_interrupt(owner: QObject, keeper: WindowKeeper) -> None:
    """Handle signals: SIGINT closes the window, SIGTERM and SIGHUP close it without asking.

    Args:
        owner: parent of the timer that lets Python run its signal handlers.
        keeper: the owner of the window.
    """
    from PySide6.QtCore import QTimer

    signal.signal(signal.SIGINT, lambda _number, _frame: keeper.close())
    signal.signal(signal.SIGTERM, lambda _number, _frame: keeper.terminate())
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: keeper.terminate())
    # Python handles signals only while it runs bytecode, which Qt's event loop does not.
    wake = QTimer(owner, interval=WAKE_INTERVAL_MS)
    wake.timeout.connect(lambda: None)
    wake.start()
