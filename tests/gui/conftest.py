"""A window with executors that need no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QSettings
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from engine.executors.base import Executor
from gui.window import MainWindow
from tests.engine.support import ScriptedExecutor
from tests.gui.support import PATIENCE_MS, Assistant

MakeWindow = Callable[..., MainWindow]


@pytest.fixture(autouse=True)
def fresh_settings() -> None:
    """No test sees what another one remembered."""
    QSettings("Trainscope", "Trainscope").clear()


@pytest.fixture
def make_window(qtbot: QtBot, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeWindow]:
    """Opens a window on given executors; it is closed, and its threads have ended, when the test is over."""
    windows: list[MainWindow] = []

    def make(
        trainer: Executor | None = None,
        assistant: Executor | None = None,
        prober: Executor | None = None,
        librarian: Executor | None = None,
        **options: Any,
    ) -> MainWindow:
        executors = (trainer or ScriptedExecutor(), *(each or Assistant() for each in (assistant, prober, librarian)))
        window = MainWindow(workspace, *executors, **options)
        windows.append(window)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield make
    monkeypatch.setattr(QMessageBox, "exec", lambda _box: QMessageBox.StandardButton.Close)
    for window in windows:
        window.close()
        qtbot.waitUntil(lambda window=window: not window.isVisible(), timeout=PATIENCE_MS)
        window.deleteLater()
    QCoreApplication.processEvents()
