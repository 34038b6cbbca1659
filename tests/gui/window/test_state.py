"""gui.window.state and gui.app: placement of the window, and termination by signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QCoreApplication, QRect
from PySide6.QtWidgets import QMainWindow, QMessageBox, QTabWidget
from pytestqt.qtbot import QtBot

import gui.app
from engine.events.runs import Status
from engine.storage.store import Store
from engine.utils.logs import ProgramLog
from gui.app import WindowKeeper, close_on_interrupt
from gui.utils.preferences import StartupOptions, program_settings
from gui.widgets.deferred_page import DeferredPage
from gui.window.main_window import MainWindow
from gui.window.state import EDGE, TITLE_BAR, fit_to_screen, restore_page, restore_state
from gui.window.tab_controller import TabController
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, Assistant, OpenEndedExecutor, find, tab_of
from tests.stored import store_experiment


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    return made


def free(window: QMainWindow) -> QRect:
    """The available area of the screen minus the window's frame."""
    return window.screen().availableGeometry().adjusted(EDGE, TITLE_BAR, -EDGE, -EDGE)


def test_a_window_as_large_as_the_screen_leaves_room_for_its_frame(window: QMainWindow) -> None:
    window.resize(window.screen().availableSize())
    fit_to_screen(window)
    assert window.size() == free(window).size()


def test_a_window_that_was_left_elsewhere_comes_back_as_a_whole(window: QMainWindow) -> None:
    screen = window.screen().availableGeometry()
    for place in (QRect(-50, -50, 300, 200), QRect(screen.width() - 100, screen.height() - 100, 300, 5000)):
        window.setGeometry(place)
        fit_to_screen(window)
        assert free(window).contains(window.geometry())
        assert window.width() == 300


def test_a_window_that_fits_stays_where_it_was(window: QMainWindow) -> None:
    place = QRect(60, 80, 300, 200)
    window.setGeometry(place)
    fit_to_screen(window)
    assert window.geometry() == place


# Closing the terminal terminates too, where SIGHUP exists.
TO_END = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
SIGNALS = [signal.SIGINT, *TO_END]


@pytest.fixture
def keeper(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WindowKeeper]:
    """Owner of a window on executors without processes; signal handlers are restored after the test."""

    def make(start: StartupOptions, own_log: ProgramLog) -> MainWindow:
        return MainWindow(start.workspace, OpenEndedExecutor(), Assistant(), Assistant(), Assistant(), own_log=own_log)

    monkeypatch.setattr(gui.app, "make_window", make)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    own_log = ProgramLog()
    found = WindowKeeper(StartupOptions(workspace), own_log)
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)
    assert found.window is not None
    found.window.deleteLater()
    QCoreApplication.processEvents()
    own_log.close()


@pytest.mark.parametrize("number", TO_END)
def test_a_request_to_end_closes_the_window_without_a_question_and_keeps_what_was_recorded(
    qtbot: QtBot, keeper: WindowKeeper, workspace: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(QMessageBox, "exec", lambda _box: pytest.fail("nobody answers"))
    keeper.open()
    window = keeper.window
    assert window is not None
    close_on_interrupt(window, keeper)
    qtbot.waitExposed(window)
    tab_of(window).start()
    qtbot.waitUntil(lambda: any(run.steps for run in tab_of(window).observations.runs.values()), timeout=PATIENCE_MS)
    os.kill(os.getpid(), number)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=PATIENCE_MS)
    with closing(Store(workspace)) as store:
        assert store.experiment(1).status is Status.INTERRUPTED
        assert store.records(1)


RUBBISH: tuple[object, ...] = (
    *("", "x", "[" * 5000, '{"epochs": 1e999}', '{"tabs": ["1"], "front": {}}', '{"tabs": ["x", "1+"], "front": []}'),
    *("9" * 5000, ["a", "b"], 7, True, QByteArray(b"\xff" * 400), QByteArray(b"\0\0\0\xff\x7f\xff\xff\xff" * 9)),
)


def test_a_window_opens_whatever_is_remembered_of_the_last_one(make_window: MakeWindow, workspace: Path) -> None:
    store_experiment(workspace)
    window = make_window()
    pages = window.findChildren(DeferredPage)
    for page in pages:
        page.build()
    window.remember()
    window.findChild(TabController).remember()
    settings = program_settings()
    keys = settings.allKeys()
    assert {key.partition("/")[0] for key in keys} >= {"geometry", "tab", "splitters", "forms"}
    for value in RUBBISH:
        for key in keys:
            settings.setValue(key, value)
        restore_state(window, find(window, QTabWidget, "tabs"), settings)
        for page in pages:
            restore_page(page, settings)
        window.findChild(TabController).reopen()
    assert window.isVisible()
    assert tab_of(window).form.spec().epochs > 0
