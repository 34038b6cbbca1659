"""Fixtures: a window with executors that need no TensorFlow."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from engine.executors.base import Executor
from gui.experiment.experiment_tab import ExperimentTab
from gui.widgets.deferred_page import DeferredPage
from gui.window import main_window
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor
from tests.gui.support import PATIENCE_MS, Assistant

MakeWindow = Callable[..., MainWindow]


class _NoPage(DeferredPage):
    """A kind of page of which there is none."""


@pytest.fixture(autouse=True)
def fresh_settings() -> None:
    """Clear the settings, so that tests are independent."""
    QSettings("Trainscope", "Trainscope").clear()


@pytest.fixture(autouse=True)
def pages_are_built_when_needed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build pages and boards on demand only: building them early takes most of the time of a window."""
    if request.node.get_closest_marker("builds_pages_early") is None:
        monkeypatch.setattr(main_window, "DeferredPage", _NoPage)  # those that it builds once it is visible
        monkeypatch.setattr(ExperimentTab, "prepare", lambda _tab: None)


@pytest.fixture(autouse=True)
def garbage_stays_on_this_thread() -> Iterator[None]:
    """Collect in this thread only, as the program does (gui/startup/garbage_collector.py).

    This is done before the next test, when the last references are gone; nothing was collected meanwhile, so all of it
    is in the youngest generation. Accumulated widgets make every change of the style slower.
    """
    gc.disable()
    gc.collect(0)
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_to_the_next_file() -> Iterator[None]:
    """Collect all generations after each module."""
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()


@pytest.fixture
def make_window(
    request: pytest.FixtureRequest, qtbot: QtBot, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeWindow]:
    """Open windows on given executors; they are closed and their threads ended after the test.

    They are laid out and exposed but not painted, which takes a third of the time, unless the test is marked.
    """
    windows: list[MainWindow] = []
    is_painted = request.node.get_closest_marker("paints_windows") is not None

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
        window.setUpdatesEnabled(is_painted)
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
