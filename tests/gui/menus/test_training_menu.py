"""The Training menu shows the actions of the current tab and of the running experiment, whose shortcuts always work."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QMenu, QTabWidget
from pytestqt.qtbot import QtBot

from engine.events.runs import Status
from engine.storage.store import Store
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor, finished, record, started
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, ObedientExecutor, find, tab_of

CONTROL = Qt.KeyboardModifier.ControlModifier


def offered(window: MainWindow) -> dict[str, bool]:
    """The entries of the opened menu, and whether they are enabled."""
    menu = find(window, QMenu, "training_menu")
    menu.aboutToShow.emit()
    return {action.iconText(): action.isEnabled() for action in menu.actions()}


def show(window: MainWindow, title: str) -> None:
    tabs = find(window, QTabWidget, "tabs")
    tabs.setCurrentIndex([tabs.tabText(position) for position in range(tabs.count())].index(title))


def test_it_shows_what_the_buttons_of_the_tab_in_front_show(make_window: MakeWindow) -> None:
    window = make_window()
    labels = ["Run", "Pause", "Step", "Stop", "Cancel", "Skip run", "Set learning rate", "Resume", "Add repeats…"]
    names = ["run", "pause", "step", "stop", "cancel", "skip", "", "resume", "repeats"]
    found = offered(window)
    assert [name.replace("&", "") for name in found if name][:9] == labels
    tab = tab_of(window)
    for label, name in zip(labels, names, strict=True):
        if name:
            assert found[label] == find(tab, QAbstractButton, name).isEnabled(), name
    show(window, "Basics")
    assert list(offered(window)) == ["Run", "Stop", "Cancel", "Resume", "Export…"]


@pytest.mark.parametrize("title", ["Try it", "Data sets"])
def test_where_nothing_can_be_trained_it_says_so(make_window: MakeWindow, title: str) -> None:
    window = make_window()
    show(window, title)
    assert offered(window) == {"Nothing to train in this tab": False}


def test_the_tab_at_work_is_steered_from_any_other(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    window = make_window(ObedientExecutor())
    tab = tab_of(window)
    find(tab, QAbstractButton, "run").click()
    qtbot.waitUntil(lambda: any(run.last for run in tab.observations.runs.values()), timeout=PATIENCE_MS)
    for title in ("Activations", "History", "Try it"):
        show(window, title)
        assert offered(window)["Pause"], title
        window.activateWindow()
        for said in ("Resume", "Pause"):
            qtbot.keyClick(window, Qt.Key.Key_F6)
            qtbot.waitUntil(lambda said=said: find(tab, QAbstractButton, "pause").text() == said, timeout=PATIENCE_MS)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        qtbot.keyClick(window, Qt.Key.Key_F5, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    with closing(Store(workspace)) as store:
        assert store.experiment(1).status is Status.CANCELLED


def test_the_key_of_run_belongs_to_the_tab_in_front(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    window = make_window(ScriptedExecutor(lambda task: [started(task.run), record(task.run, 260), finished(task.run)]))
    ran: list[str] = []
    for title in ("Activations", "Learning rate", "History"):
        show(window, title)
        if title == "History":
            history = find(window, QTabWidget, "tabs").currentWidget()
            qtbot.waitUntil(lambda history=history: len(history.table.entries.rows) == 2, timeout=PATIENCE_MS)
            history.table.choose([1])
            assert offered(window)["Run again"]
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=PATIENCE_MS)
        with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
            qtbot.keyClick(window, Qt.Key.Key_R, CONTROL)
        with closing(Store(workspace)) as store:
            ran.append(store.experiment(len(ran) + 1).name)
    assert ran == ["activations", "learning-rate", "activations"]
