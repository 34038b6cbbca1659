"""The History tab: list, search, sorting and details."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QPoint, QSettings, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTableWidget,
)
from pytestqt.qtbot import QtBot

from engine.analysis.styles import colour_of
from engine.utils.paths import store_file
from gui.history.actions import ACTIONS
from gui.history.model import BEST, COLUMNS, CURVE, RUNS, STATUS, TICK, TITLE
from gui.history.tab import HistoryTab
from tests.engine.support import ScriptedExecutor
from tests.gui.conftest import MakeWindow
from tests.gui.history.support import heard
from tests.gui.history_support import (
    column,
    enabled,
    entry_of,
    listed,
    look_at_history,
    press,
    tick,
    until,
)
from tests.gui.support import find, tab_of
from tests.stored import store_experiment, whole_run


def test_the_newest_is_on_top_and_chosen(history: HistoryTab) -> None:
    assert listed(history) == [3, 2, 1]
    assert column(history, TITLE) == ["Quick", "Quick · Architectures mlp_1, mlp_2 · Epochs 2", "Long one"]
    assert column(history, BEST) == ["", "87.50 %", "62.50 %"]
    assert column(history, STATUS) == ["finished"] * 3
    assert [entry.number for entry in history.table.chosen] == [3]
    assert find(history, QLabel, "history_count").text() == "3 experiments"


def test_a_workspace_without_a_store_is_left_alone(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    history = look_at_history(qtbot, make_window(), 0)
    with qtbot.waitSignal(history.listed):
        history.refresh()
    assert not workspace.exists()
    hints = [label.text() for label in history.findChildren(QLabel) if label.isVisible()]
    assert any("Nothing was run in this workspace yet" in hint for hint in hints)


def test_an_experiment_that_ends_is_listed(qtbot: QtBot, make_window: MakeWindow, three: None) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    history = look_at_history(qtbot, window, 3)
    with qtbot.waitSignal(window.training_ended):
        tab_of(window).start()
    until(qtbot, lambda: column(history, STATUS) == ["finished"] * 4)
    until(qtbot, lambda: history.table.entries.rows[0].thumbnail is not None)


@pytest.mark.parametrize("position", [n for n in range(len(COLUMNS)) if n != TICK])
def test_every_column_sorts_both_ways(history: HistoryTab, position: int) -> None:
    header = history.table.horizontalHeader()
    key = COLUMNS[position].key
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        header.setSortIndicator(position, order)
        keys = [key(entry) for entry in history.table.entries.rows]
        known = [each for each in keys if each is not None]
        assert keys == sorted(known, reverse=order is Qt.SortOrder.DescendingOrder) + [None] * (len(keys) - len(known))
        assert [entry.number for entry in history.table.chosen] == [3], "the choice stays with its experiment"


def test_sorting_and_widths_are_remembered(qtbot: QtBot, make_window: MakeWindow, three: None) -> None:
    window = make_window()
    history = look_at_history(qtbot, window, 3)
    history.table.horizontalHeader().setSortIndicator(BEST, Qt.SortOrder.AscendingOrder)
    history.table.setColumnWidth(STATUS, 111)
    assert listed(history) == [1, 2, 3]
    window.close()
    again = look_at_history(qtbot, make_window(), 3)
    assert listed(again) == [1, 2, 3]
    assert again.table.columnWidth(STATUS) == 111
    header = again.table.horizontalHeader()
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (BEST, Qt.SortOrder.AscendingOrder)


def test_a_remembered_layout_that_makes_no_sense_is_passed_over(
    qtbot: QtBot, make_window: MakeWindow, three: None
) -> None:
    QSettings("Trainscope", "Trainscope").setValue("history_layout", QByteArray(b"nonsense"))
    assert listed(look_at_history(qtbot, make_window(), 3)) == [3, 2, 1]


def test_ticked_ones_can_be_sorted_to_the_top(history: HistoryTab) -> None:
    tick(history, 1)
    history.table.horizontalHeader().setSortIndicator(TICK, Qt.SortOrder.AscendingOrder)
    assert listed(history)[0] == 1


def test_search_finds_words_and_conditions(qtbot: QtBot, history: HistoryTab) -> None:
    line = find(history, QLineEdit, "history_search")
    for text, found in (("long", [1]), ("epochs>5 mlp_2", [1]), ("architectures finished", [2, 1]), ("nowhere", [])):
        line.setText(text)
        assert listed(history) == found
    assert find(history, QLabel, "history_count").text() == "0 of 3 experiments"
    assert enabled(history, *ACTIONS) == ["paste_settings"], "there is nothing to do anything with"
    line.clear()
    assert listed(history) == [3, 2, 1]


def test_control_f_leads_to_the_search_and_enter_back(qtbot: QtBot, history: HistoryTab) -> None:
    line = find(history, QLineEdit, "history_search")
    opened = heard(history.experiment_actions.open_requested)
    history.table.setFocus()
    qtbot.keyClick(history.table, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert line.hasFocus()
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert history.table.hasFocus()
    assert not opened


def test_thumbnails_are_made_and_painted(qtbot: QtBot, history: HistoryTab, workspace: Path) -> None:
    until(qtbot, lambda: all(entry.thumbnail is not None for entry in history.table.entries.rows))
    assert entry_of(workspace, 1).thumbnail
    table = history.table
    colours = []
    for row in range(3):
        image = QImage(table.viewport().grab(table.visualRect(table.entries.index(row, CURVE))).toImage())
        colours.append({image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())})
    mlp_2 = colour_of(1).lower()  # drawn last, over the equal curve of mlp_1
    blue_less = [
        any(abs(int(mlp_2[1:3], 16) - int(c[1:3], 16)) < 24 and int(c[5:7], 16) < 90 for c in s) for s in colours
    ]
    assert blue_less == [False, True, True], "experiments without runs have no curve"


def test_details_say_what_the_store_knows(history: HistoryTab) -> None:
    history.table.choose([1])
    facts = find(history, QLabel, "experiment_facts").text()
    for words in (
        "#1 Architectures",
        "Digits",
        "4 of 4 runs finished; 4 tested",
        "best 62.50 %",
        "CPU: a processor",
        "keras 3",
    ):
        assert words in facts
    settings = find(history, QTableWidget, "experiment_settings")
    rows = {settings.item(row, 0).text(): settings.item(row, 1).text() for row in range(settings.rowCount())}
    assert rows["≠ Epochs"] == "9"
    assert rows["Data set"] == "digits"
    history.table.choose([1, 2])
    assert "No experiment is chosen" in find(history, QLabel, "experiment_facts").text()


def test_f2_renames(qtbot: QtBot, history: HistoryTab, workspace: Path) -> None:
    opened = heard(history.experiment_actions.open_requested)
    history.table.choose([2])
    history.table.setFocus()
    qtbot.keyClick(history.table, Qt.Key.Key_F2)
    title = find(history, QLineEdit, "experiment_title")
    assert title.hasFocus()
    qtbot.keyClicks(title, "The second")
    qtbot.keyClick(title, Qt.Key.Key_Return)
    until(qtbot, lambda: column(history, TITLE)[1] == "The second")
    assert entry_of(workspace, 2).stored.title == "The second"
    assert not opened, "Enter in the title opens nothing"


def test_the_list_counts_the_runs_that_finished_and_tells_how_the_others_ended(
    qtbot: QtBot, history: HistoryTab, workspace: Path
) -> None:
    with closing(sqlite3.connect(store_file(workspace))) as database, database:
        database.execute("UPDATE runs SET status='skipped', test_accuracy=NULL WHERE experiment=1 AND id > 1")
    history.refresh()
    until(qtbot, lambda: column(history, RUNS)[-1] == "1/4")
    tips = history.table.entries.index(2, RUNS).data(Qt.ItemDataRole.ToolTipRole)
    assert "1 of 4 runs finished, 3 skipped" in tips
    history.table.choose([1])
    assert "1 of 4 runs finished, 3 skipped; 1 tested" in find(history, QLabel, "experiment_facts").text()


def test_notes_are_kept_as_they_are_written(qtbot: QtBot, history: HistoryTab, workspace: Path) -> None:
    history.table.choose([2])
    press(history, "notes")
    notes = find(history, QPlainTextEdit, "experiment_notes")
    assert notes.hasFocus()
    qtbot.keyClicks(notes, "promising")
    until(qtbot, lambda: entry_of(workspace, 2).stored.notes == "promising")
    until(qtbot, lambda: history.table.entries.entry(2).stored.notes == "promising")
    assert notes.toPlainText() == "promising"
    find(history, QLineEdit, "history_search").setText("promising")
    assert listed(history) == [2]


def test_notes_of_one_are_kept_when_another_is_chosen(qtbot: QtBot, history: HistoryTab, workspace: Path) -> None:
    history.table.choose([2])
    qtbot.keyClicks(find(history, QPlainTextEdit, "experiment_notes"), "of the second")
    history.table.choose([1])
    assert find(history, QPlainTextEdit, "experiment_notes").toPlainText() == ""
    until(qtbot, lambda: entry_of(workspace, 2).stored.notes == "of the second")
    assert entry_of(workspace, 1).stored.notes == ""


def test_home_and_end_go_to_the_first_and_the_last_row(qtbot: QtBot, history: HistoryTab) -> None:
    history.table.choose([2])
    qtbot.keyClick(history.table, Qt.Key.Key_End)
    assert [entry.number for entry in history.table.chosen] == [1]
    qtbot.keyClick(history.table, Qt.Key.Key_Home)
    assert [entry.number for entry in history.table.chosen] == [3]


def test_space_ticks_the_chosen_ones_and_takes_the_ticks_away(qtbot: QtBot, history: HistoryTab) -> None:
    history.table.choose([1, 2])
    for expected in ([1, 2], []):
        qtbot.keyClick(history.table, Qt.Key.Key_Space)
        assert [entry.number for entry in history.table.entries.ticks] == expected


def test_a_tick_box_can_be_clicked(qtbot: QtBot, history: HistoryTab) -> None:
    box = history.table.visualRect(history.table.entries.index(1, TICK))
    qtbot.mouseClick(history.table.viewport(), Qt.MouseButton.LeftButton, pos=box.topLeft() + QPoint(10, 14))
    assert [entry.number for entry in history.table.entries.ticks] == [2]


def test_an_experiment_that_can_not_be_read_is_listed_says_why_and_hides_no_other(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    """As in a store that is damaged or from elsewhere; one such experiment must not make the history fail."""
    store_experiment(workspace)
    store_experiment(workspace)
    with closing(sqlite3.connect(store_file(workspace))) as database, database:
        database.execute("UPDATE experiments SET dataset='{', notes='<b>x' WHERE id=2")
        database.execute("UPDATE runs SET spec='[' WHERE experiment=2")
    window = make_window()
    history = look_at_history(qtbot, window, 2)
    assert listed(history) == [2, 1]
    assert column(history, BEST)[1] == "62.50 %"
    press(history, "open")
    until(qtbot, lambda: any("can't be read" in label.text() for label in window.findChildren(QLabel)))
