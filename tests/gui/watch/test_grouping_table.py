"""gui.watch.grouping_table: editing where runs belong, and what is refused."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLabel, QLineEdit, QPushButton, QSpinBox
from pytestqt.qtbot import QtBot

from engine.events.watching import Grouping
from gui.dialogs.grouping import GroupDialog
from gui.watch.grouping_table import EMPTY, EXPERIMENT, REPEAT, VARIANT, GroupingTable
from tests.gui.support import find
from tests.gui.watch_support import found

RUNS = [found("a.jsonl", "net", 1), found("b.jsonl", "net", 2), found("c.jsonl", "other", 0)]


@pytest.fixture
def dialog(qtbot: QtBot) -> GroupDialog:
    dialog = GroupDialog("experiment 3", RUNS)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def table_of(dialog: GroupDialog) -> GroupingTable:
    return find(dialog, GroupingTable, "watch_runs")


def write(table: GroupingTable, row: int, column: int, text: str) -> None:
    """Edit a cell by the keyboard."""
    index = table.model().index(row, column)
    table.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
    table.edit(index)
    *_closed, editor = (each for each in table.viewport().children() if isinstance(each, QLineEdit | QSpinBox))
    QTest.keyClick(editor, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(editor, text) if text else QTest.keyClick(editor, Qt.Key.Key_Delete)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()


def message(dialog: GroupDialog) -> str:
    return find(dialog, QLabel, "group_message").text()


def save(dialog: GroupDialog) -> QPushButton:
    return dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Save)


def test_what_is_written_is_returned_and_return_does_not_close_the_dialog(dialog: GroupDialog) -> None:
    table = table_of(dialog)
    write(table, 1, VARIANT, "wide")
    write(table, 1, REPEAT, "7")
    write(table, 2, EXPERIMENT, "mine")
    assert dialog.isVisible()
    save(dialog).click()
    assert dialog.groupings == {"b.jsonl": Grouping("own", "wide", 7), "c.jsonl": Grouping("mine", "other", 0)}


def test_an_empty_name_is_refused_in_place(dialog: GroupDialog) -> None:
    write(table_of(dialog), 0, VARIANT, "")
    assert message(dialog) == EMPTY[VARIANT]
    assert table_of(dialog).changed == {}
    write(table_of(dialog), 0, VARIANT, "net")
    assert message(dialog) == ""


def test_two_runs_in_one_place_are_named_and_can_not_be_saved(dialog: GroupDialog) -> None:
    write(table_of(dialog), 1, REPEAT, "1")
    assert message(dialog).startswith("net, repeat 1 of own is there twice")
    assert not save(dialog).isEnabled()
    write(table_of(dialog), 0, REPEAT, "2")
    assert message(dialog) == ""
    save(dialog).click()
    assert dialog.groupings == {"a.jsonl": Grouping("own", "net", 2), "b.jsonl": Grouping("own", "net", 1)}


def test_a_name_is_given_to_all_selected_rows(dialog: GroupDialog) -> None:
    table = table_of(dialog)
    table.selectAll()
    write(table, 0, EXPERIMENT, "together")
    assert {each.experiment for each in table.changed.values()} == {"together"}
    assert len(table.changed) == len(RUNS)


def test_changes_are_kept_for_runs_that_are_found_again(qtbot: QtBot) -> None:
    table = GroupingTable()
    qtbot.addWidget(table)
    table.show()
    table.show_runs(RUNS)
    write(table, 0, VARIANT, "wide")
    table.show_runs([*RUNS, found("d.jsonl", "new")])
    assert table.changed == {"a.jsonl": Grouping("own", "wide", 1)}
    table.show_runs(RUNS[1:])
    assert table.changed == {}
