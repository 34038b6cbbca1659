"""SQLite is not used in the GUI thread: another process that writes, or a slow disk, never blocks the window.

Only where a connection is opened has to be looked at: SQLite itself refuses one that is used in another thread.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QDialog, QInputDialog, QListWidget, QPushButton, QSlider, QTabWidget, QToolButton
from pytestqt.qtbot import QtBot

from engine.utils.paths import store_file
from gui.background.store_check import check_store
from gui.dialogs.export import ExportDialog
from gui.dialogs.report import ReportDialog
from gui.experiment.experiment_tab import ExperimentTab
from gui.history.resume_bar import ResumeBar
from gui.window.main_window import MainWindow
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import listed, look_at_history, open_tabs, press, tick, until
from tests.gui.support import ObedientExecutor, find, tab_of


class Openings:
    """Opened connections: their number in other threads, and the call stacks of those in the GUI thread."""

    def __init__(self) -> None:
        self.elsewhere = 0
        self.on_the_windows_thread: list[str] = []

    def note(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self.on_the_windows_thread.append("".join(traceback.format_stack(limit=12)))
        else:
            self.elsewhere += 1


_openings: list[Openings] = []  # the current listeners; an audit hook can't be removed


def _audit(event: str, _arguments: tuple[object, ...]) -> None:
    if event == "sqlite3.connect" and _openings:
        _openings[-1].note()


sys.addaudithook(_audit)


@pytest.fixture
def openings() -> Iterator[Openings]:
    _openings.append(Openings())
    yield _openings[-1]
    _openings.clear()


def end(qtbot: QtBot, window: MainWindow, tab: ExperimentTab) -> None:
    """Stop the experiment of a tab once it has started."""
    until(qtbot, lambda: tab.observations.active_runs and window.is_training)
    find(tab, QToolButton, "stop").click()
    until(qtbot, lambda: not window.is_training)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the dialogs shown; all are cancelled, except the one for repeats, which answers 1."""
    names: list[str] = []

    def reject(dialog: QDialog) -> QDialog.DialogCode:
        names.append(dialog.objectName())
        return QDialog.DialogCode.Rejected

    def choose(*arguments: object) -> tuple[str, bool]:
        names.append("networks")
        return "", False

    monkeypatch.setattr(ExportDialog, "exec", reject)
    monkeypatch.setattr(ReportDialog, "exec", reject)
    monkeypatch.setattr(QInputDialog, "getInt", lambda *_arguments: (1, True))
    monkeypatch.setattr(QInputDialog, "getItem", choose)
    return names


def train(qtbot: QtBot, window: MainWindow, tab: ExperimentTab, other: ExperimentTab) -> None:
    """Run, queue, resume and add repeats."""
    tab.start()  # run
    until(qtbot, lambda: tab.observations.active_runs)
    other.start()  # queue
    queue = find(window, QListWidget, "queue_list")
    until(qtbot, lambda: queue.count() == 1)
    end(qtbot, window, tab)
    find(window, QPushButton, "queue_start").click()
    end(qtbot, window, other)
    find(tab, QToolButton, "resume").click()
    end(qtbot, window, tab)
    find(tab, QToolButton, "repeats").click()
    end(qtbot, window, tab)


def use_history(qtbot: QtBot, window: MainWindow, tabs: QTabWidget) -> None:
    """Rename, open and compare stored experiments."""
    history = look_at_history(qtbot, window, 2)
    history.table.choose([1])
    history.experiment_actions.rename(1, "The first")
    until(qtbot, lambda: history.table.entries.rows[-1].stored.title == "The first")
    press(history, "open")
    until(qtbot, lambda: open_tabs(window) and open_tabs(window)[0].is_drawn)
    tabs.setCurrentWidget(history)
    tick(history, *listed(history))
    press(history, "compare")
    until(qtbot, lambda: len(open_tabs(window)) == 2 and open_tabs(window)[1].is_drawn)


def test_everything_that_is_done_with_the_store_is_done_in_other_threads(
    qtbot: QtBot, make_window: MakeWindow, openings: Openings, shown: list[str]
) -> None:
    window = make_window(ObedientExecutor())
    tab, tabs = tab_of(window), find(window, QTabWidget, "tabs")
    train(qtbot, window, tab, tab_of(window, "activations"))
    find(tab, QToolButton, "export").click()
    until(qtbot, lambda: len(shown) == 1)
    report = window.findChild(QAction, "report")
    assert report is not None
    report.trigger()
    until(qtbot, lambda: len(shown) == 2)
    until(qtbot, find(tab, QSlider, "weights_step").isVisible)
    use_history(qtbot, window, tabs)
    tabs.setCurrentIndex([tabs.tabText(place) for place in range(tabs.count())].index("Try it"))
    assert find(window, ResumeBar, "offer_bar").text == ""
    assert window.close()
    assert len(shown) == 2
    assert openings.elsewhere > 10
    assert openings.on_the_windows_thread == []


def test_a_damaged_store_is_looked_through_in_another_thread(qtbot: QtBot, workspace: Path, openings: Openings) -> None:
    workspace.mkdir()
    store_file(workspace).write_bytes(b"no database " * 1000)
    assert "was damaged" in (check_store(workspace) or "")
    assert openings.elsewhere
    assert openings.on_the_windows_thread == []
