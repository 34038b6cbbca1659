"""gui.window.watch_controller: a window that follows real logs, from the dialog to history and comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QInputDialog, QLineEdit, QMessageBox, QPushButton, QTabWidget
from pytestqt.qtbot import QtBot

from engine.workspace.watch_library import WatchLibrary
from gui.background import watch_thread
from gui.dialogs.grouping import GroupDialog
from gui.dialogs.watch import WatchDialog
from gui.history.compare_tab import CompareTab
from gui.history.result_tab import ResultTab
from gui.plots.curves.curve_plot import CurvePlot
from gui.watch.grouping_table import VARIANT, GroupingTable
from gui.watch.tab import WatchTab
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import entry_of, look_at_history, open_tabs, press, until
from tests.gui.support import find
from tests.stored import store_experiment


@pytest.fixture(autouse=True)
def polls_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_thread, "POLL_SECONDS", 0.01)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (folder := tmp_path / "logs").mkdir()
    return folder


class Script:
    """Writes a log as a script with the logger does."""

    def __init__(self, folder: Path, variant: str = "mlp_1", experiment: str = "mine") -> None:
        self._file = folder / experiment / f"{variant}-1.jsonl"
        self._file.parent.mkdir(exist_ok=True)
        self._step = 0
        self.write({"trainscope_log": 1, "experiment": experiment, "variant": variant, "repeat": 1, "steps": 100})

    def write(self, line: dict[str, object]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self._step += 1
            self.write({"step": self._step, "seconds": self._step / 10, "training_loss": 2 / self._step})

    def end(self) -> None:
        self.write({"test": {"accuracy": 0.5}})
        self.write({"ended": "finished"})


def tab_of(window: MainWindow) -> WatchTab:
    return find(window, WatchTab, "tab_watch")


def points(window: MainWindow, variant: str = "mlp_1") -> int:
    """Return the number of points drawn of a curve."""
    plot = tab_of(window).findChild(CurvePlot, "logged_loss")
    try:
        return 0 if plot is None else len(plot.curve_data(variant, "training_loss")[0])
    except KeyError:
        return 0


def title(window: MainWindow) -> str:
    tabs = find(window, QTabWidget, "tabs")
    return tabs.tabText(tabs.indexOf(tab_of(window)))


def watch(window: MainWindow, folder: Path) -> None:
    """Watch a folder by the dialog."""

    def answer() -> None:
        dialog = window.findChild(WatchDialog)
        find(dialog, QLineEdit, "watch_folder").setText(str(folder))
        find(dialog, QPushButton, "watch_start").click()

    QTimer.singleShot(0, answer)
    action = find_action(window, "watch_own_code")
    assert action.shortcut() == QKeySequence("Ctrl+Shift+W")
    action.trigger()


def find_action(window: MainWindow, name: str) -> QAction:
    action = window.findChild(QAction, name)
    assert action is not None
    return action


def message(window: MainWindow) -> str:
    return find(window, MessageBar, "message_bar").text


def test_a_script_is_watched_from_its_first_record_to_its_end(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    watch(window, logs)
    assert find(window, QTabWidget, "tabs").currentWidget() is tab_of(window)
    until(qtbot, lambda: WatchLibrary(workspace).paths() == [logs])
    script = Script(logs)
    script.train(5)
    until(qtbot, lambda: points(window) == 5)
    assert title(window) == "Watch ●"
    history = look_at_history(qtbot, window, 1)
    history.table.selectAll()
    press(history, "delete")
    assert message(window) == "Experiment 1 is under way; stop or cancel it first, then delete it."
    history.experiment_actions.open_requested.emit(1)
    (opened,) = open_tabs(window)
    assert isinstance(opened, ResultTab)
    until(qtbot, lambda: opened.is_painted)
    script.train(5)
    script.end()
    until(qtbot, lambda: title(window) == "Watch")
    until(qtbot, lambda: len(find(opened, CurvePlot, "logged_loss").curve_data("mlp_1", "training_loss")[0]) == 10)
    look_at_history(qtbot, window, 1)
    until(qtbot, lambda: history.table.entries.rows[0].outcome == "1 of 1 run finished")
    monkeypatch.setattr(QMessageBox, "exec", lambda _box: QMessageBox.StandardButton.Yes)
    history.table.selectAll()
    press(history, "delete")
    until(qtbot, lambda: entry_of(workspace, 1).is_deleted)


def test_watched_folders_are_followed_at_the_next_start_until_they_are_left(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, logs: Path
) -> None:
    script = Script(logs)
    script.train(5)
    WatchLibrary(workspace).add(logs)
    window = make_window()
    until(qtbot, lambda: tab_of(window).folder_list.number == 1)
    find(window, QTabWidget, "tabs").setCurrentWidget(tab_of(window))
    until(qtbot, lambda: points(window) == 5)
    press(tab_of(window), "watch_stop")
    until(qtbot, lambda: tab_of(window).folder_list.folder is None)
    assert WatchLibrary(workspace).paths() == []
    assert title(window) == "Watch"
    assert entry_of(workspace, 1).outcome == "0 of 1 run finished, 1 interrupted"


def test_runs_are_grouped_and_compared_with_the_programs_own(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("architectures", "schedule"):
        store_experiment(workspace, name)
    script = Script(logs, variant="first")
    script.train(5)
    script.end()
    WatchLibrary(workspace).add(logs)
    window = make_window()
    find(window, QTabWidget, "tabs").setCurrentWidget(tab_of(window))
    until(qtbot, lambda: points(window, "first") == 5)

    def answer() -> None:
        dialog = window.findChild(GroupDialog)
        model = find(dialog, GroupingTable, "watch_runs").model()
        assert model.setData(model.index(0, VARIANT), "mlp_2")
        find(dialog, QPushButton, "group_save").click()

    QTimer.singleShot(0, answer)
    press(tab_of(window), "watch_group")
    until(qtbot, lambda: points(window, "mlp_2") == 5)
    offered: list[str] = []

    def choose(_parent: object, _title: str, _label: str, labels: list[str], at: int, _editable: bool) -> object:
        offered[:] = [labels[at].split(" · ")[0], *labels]
        return labels[at], True

    monkeypatch.setattr(QInputDialog, "getItem", choose)
    press(tab_of(window), "watch_compare")
    until(qtbot, lambda: open_tabs(window))
    (compared,) = open_tabs(window)
    assert isinstance(compared, CompareTab)
    assert offered[0] == "#1 Architectures", "it has a variant of that name"
    assert len(offered) == 3
    assert compared.numbers == (1, 3)
    until(qtbot, lambda: compared.is_painted)


@pytest.mark.builds_pages_early
def test_nothing_is_watched_by_a_fresh_program(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    until(qtbot, lambda: tab_of(window).is_built)
    assert window.findChild(watch_thread.WatchThread) is None
