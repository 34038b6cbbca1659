"""Tabs of stored experiments: contents, closing, and restoring at the next start."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QInputDialog,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTableWidget,
    QTabWidget,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from engine.events.runs import Status
from engine.executors.tasks import TrainTask
from engine.experiments.convolution.numpy_convolution import METHODS
from engine.storage.store import Store
from engine.workspace.catalogue import Catalogue
from gui.boards.convolution.output_grid import OutputGrid
from gui.boards.panels.run_table import RunTable
from gui.history.result_tab import ResultTab
from gui.history.tab import HistoryTab
from gui.plots.curves.curve_plot import CurvePlot
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.gui.boards.test_convolution import computed, method
from tests.gui.conftest import MakeWindow
from tests.gui.history.support import compared, front, opened, table_of
from tests.gui.history_support import enabled, entry_of, look_at_history, open_tabs, press, until
from tests.gui.support import find
from tests.stored import store_experiment


def test_an_opened_experiment_shows_its_curves_runs_and_settings(qtbot: QtBot, window: MainWindow) -> None:
    tab = opened(qtbot, window, 2)
    steps, values = find(tab, CurvePlot, "accuracy").curve_data("mlp_2", "validation_accuracy")
    assert steps.tolist() == [10, 20, 30]
    assert values.tolist() == pytest.approx([1, 2, 3])
    assert find(tab, RunTable, "runs").model().rowCount() == 4
    assert ["≠ Architectures", "mlp_1, mlp_2"] in table_of(tab, "experiment_settings")
    assert "best 87.50 %" in find(tab, QLabel, "experiment_facts").text()
    tabs = find(window, QTabWidget, "tabs")
    assert tabs.tabText(tabs.currentIndex()) == "#2 Architectures"


@pytest.mark.parametrize("number", [1, 3])
def test_every_kind_of_training_opens_with_the_board_of_its_tab(qtbot: QtBot, window: MainWindow, number: int) -> None:
    tab = opened(qtbot, window, number)
    assert find(tab, RunTable, "runs").model().rowCount() > 0


def test_a_tab_on_what_is_under_way_says_that_it_is_a_snapshot(
    qtbot: QtBot, window: MainWindow, workspace: Path
) -> None:
    assert find(opened(qtbot, window, 1), QLabel, "snapshot").isHidden()
    with closing(Store(workspace)) as store:
        store.reopen_experiment(2, store.experiment(2).spec, 1)  # another window resumes it
    label = find(opened(qtbot, window, 2), QLabel, "snapshot")
    assert label.isVisible()
    assert label.text().startswith("Running: as stored at ")
    with closing(Store(workspace)) as store:
        store.finish_experiment(2, Status.FINISHED, "")
    tab = front(window)
    tab.load()
    until(qtbot, label.isHidden)


def test_opening_twice_shows_the_tab_that_is_there(qtbot: QtBot, window: MainWindow) -> None:
    first = opened(qtbot, window, 2)
    opened(qtbot, window, 1)
    assert opened(qtbot, window, 2) is first
    assert [tab.key for tab in open_tabs(window)] == ["2", "1"]


def test_a_name_can_be_changed_beside_the_board_and_shows_everywhere(
    qtbot: QtBot, window: MainWindow, workspace: Path
) -> None:
    tab = opened(qtbot, window, 2)
    title = find(tab, QLineEdit, "experiment_title")
    title.setFocus()
    qtbot.keyClicks(title, "Mine & yours")
    qtbot.keyClick(title, Qt.Key.Key_Return)
    tabs = find(window, QTabWidget, "tabs")
    until(qtbot, lambda: tabs.tabText(tabs.currentIndex()) == "#2 Mine && yours")
    assert entry_of(workspace, 2).stored.title == "Mine & yours"
    history = look_at_history(qtbot, window, 3)
    until(qtbot, lambda: history.table.entries.entry(2).name == "Mine & yours")


def test_notes_are_kept_when_the_tab_is_closed(qtbot: QtBot, window: MainWindow, workspace: Path) -> None:
    tab = opened(qtbot, window, 2)
    qtbot.keyClicks(find(tab, QPlainTextEdit, "experiment_notes"), "quick, before it closes")
    find(window, QToolButton, "close_result_2").click()
    assert open_tabs(window) == []
    until(qtbot, lambda: entry_of(workspace, 2).stored.notes == "quick, before it closes")


def test_notes_are_kept_when_the_window_is_closed(qtbot: QtBot, window: MainWindow, workspace: Path) -> None:
    tab = opened(qtbot, window, 2)
    qtbot.keyClicks(find(tab, QPlainTextEdit, "experiment_notes"), "last words")
    window.close()
    assert entry_of(workspace, 2).stored.notes == "last words"


def test_the_buttons_beside_the_board_do_what_those_of_the_list_do(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    tab = opened(qtbot, window, 1)
    names = ("run_again", "add_repeats", "train_on", "copy_settings", "export", "report", "delete", "restore")
    assert enabled(tab, *names) == list(names[:-1])
    monkeypatch.setattr(QInputDialog, "getInt", lambda *_arguments: (2, True))
    with qtbot.waitSignal(window.training_ended):
        press(tab, "add_repeats")
    until(qtbot, lambda: tab.is_painted and find(tab, RunTable, "runs").model().rowCount() == 4)
    until(qtbot, lambda: "4 of 4 runs finished" in find(tab, QLabel, "experiment_facts").text())


def test_ctrl_w_closes_opened_tabs_alone(qtbot: QtBot, window: MainWindow) -> None:
    tabs = find(window, QTabWidget, "tabs")
    opened(qtbot, window, 1)
    count = tabs.count()
    window.activateWindow()
    for left in (count - 1, count - 1):
        qtbot.keyClick(window, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
        assert tabs.count() == left
    assert tabs.currentWidget().objectName() == "tab_history"


def test_a_computed_experiment_opens(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    found = computed()
    methods = {name: {k: v for k, v in method(name).values.items() if k != "method"} for name in METHODS}
    store_experiment(
        workspace, "convolution", lambda _task: [replace(found, findings=found.findings | {"methods": methods})]
    )
    window = make_window()
    look_at_history(qtbot, window, 1)
    press(find(window, HistoryTab, "tab_history"), "open")
    tab = front(window)
    assert isinstance(tab, ResultTab)
    until(qtbot, lambda: tab.is_painted)
    table = find(tab, QTableWidget, "methods")
    assert [table.item(row, 1).text() for row in range(table.rowCount())] == ["2.000"] * len(METHODS)
    assert find(tab, OutputGrid, "convolution_outputs").isVisible()


def test_an_experiment_that_is_gone_says_so(qtbot: QtBot, window: MainWindow, workspace: Path) -> None:
    history = look_at_history(qtbot, window, 3)
    with closing(Catalogue(workspace)) as catalogue:
        catalogue.delete([2])
        catalogue.purge([2])
    history.table.choose([2])
    press(history, "open")
    tab = front(window)
    until(qtbot, lambda: "no experiment 2" in find(tab, QLabel, "opened_state").text())
    assert "no experiment 2" in find(window, MessageBar, "message_bar").text


@pytest.mark.paints_windows
def test_what_was_open_is_open_at_the_next_start(qtbot: QtBot, make_window: MakeWindow, varied: None) -> None:
    window = make_window()
    opened(qtbot, window, 1)
    compared(qtbot, window, 1, 2)
    opened(qtbot, window, 2)
    front_before = front(window).key
    window.close()
    again = make_window()
    until(qtbot, lambda: [tab.key for tab in open_tabs(again)] == ["1", "1+2", "2"])
    assert front(again).key == front_before
    until(qtbot, lambda: front(again).is_painted)
    assert not open_tabs(again)[0].is_drawn, "nobody has looked yet"
    find(again, QTabWidget, "tabs").setCurrentWidget(open_tabs(again)[0])
    until(qtbot, lambda: front(again).is_painted)
    _, values = find(front(again), CurvePlot, "accuracy").curve_data("mlp_1", "validation_accuracy")
    assert len(values) == 5


def test_what_was_deleted_is_not_opened_again(
    qtbot: QtBot, make_window: MakeWindow, varied: None, workspace: Path
) -> None:
    window = make_window()
    opened(qtbot, window, 1)
    opened(qtbot, window, 2)
    history = look_at_history(qtbot, window, 3)
    history.experiment_actions.write(lambda catalogue: catalogue.delete([2]))
    until(qtbot, lambda: history.table.entries.rowCount() == 2)
    window.close()
    again = make_window()
    until(qtbot, lambda: [tab.key for tab in open_tabs(again)] == ["1"])


@pytest.mark.parametrize(
    "remembered",
    [
        "nonsense",
        *(pytest.param(text, marks=pytest.mark.long) for text in ("[]", '{"tabs": 3}')),
        '{"tabs": ["x"], "front": null}',
    ],
)
def test_a_memory_that_makes_no_sense_is_passed_over(
    qtbot: QtBot, make_window: MakeWindow, varied: None, remembered: str
) -> None:
    window = make_window()
    opened(qtbot, window, 1)
    window.close()
    settings = QSettings("Trainscope", "Trainscope")
    [key] = [key for key in settings.allKeys() if key.startswith("open_tabs")]
    settings.setValue(key, remembered)
    again = make_window()
    look_at_history(qtbot, again, 3)
    assert open_tabs(again) == []


def test_a_run_that_was_only_planned_opens_too(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    def answer(task: TrainTask) -> list[object]:
        return [task.failed(Status.FAILED, "There is no such folder.")]

    store_experiment(workspace, answer=answer)
    window = make_window()
    history = look_at_history(qtbot, window, 1)
    assert enabled(history, "train_on") == []
    press(history, "open")
    tab = front(window)
    assert isinstance(tab, ResultTab)
    until(qtbot, lambda: tab.is_painted)
    assert "There is no such folder" in find(tab, QLabel, "experiment_facts").text()


def test_every_control_of_opened_tabs_has_a_name_and_a_tip(qtbot: QtBot, window: MainWindow) -> None:
    for tab in (opened(qtbot, window, 1), compared(qtbot, window, 1, 2)):
        buttons = [
            button
            for button in tab.findChildren(QAbstractButton)
            if isinstance(button, QToolButton | QCheckBox) and not isinstance(button.parent(), QLineEdit)
        ]
        assert not [button.text() for button in buttons if not button.objectName() and button.isVisible()]
        assert not [button.text() for button in buttons if not button.toolTip() and button.isVisible()]
