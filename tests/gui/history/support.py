"""Helpers of the tests of the history and of opened tabs."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import (
    QTableWidget,
    QTabWidget,
)
from pytestqt.qtbot import QtBot

from gui.history.compare_tab import CompareTab
from gui.history.opened_tab import OpenedTab
from gui.history.result_tab import ResultTab
from gui.history.tab import HistoryTab
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.gui.history_support import (
    look_at_history,
    press,
    until,
)
from tests.gui.support import find


def message(window: MainWindow) -> str:
    return find(window, MessageBar, "message_bar").text


def heard(signal: Any) -> list[Any]:
    """Record the arguments of a signal from now on."""
    said: list[Any] = []
    signal.connect(lambda *values: said.append(values[0] if len(values) == 1 else values))
    return said


def window_of(history: HistoryTab) -> MainWindow:
    window = history.window()
    assert isinstance(window, MainWindow)
    return window


def front(window: MainWindow) -> OpenedTab:
    tab = find(window, QTabWidget, "tabs").currentWidget()
    assert isinstance(tab, OpenedTab)
    return tab


def opened(qtbot: QtBot, window: MainWindow, number: int) -> ResultTab:
    history = look_at_history(qtbot, window, 3)
    history.table.choose([number])
    press(history, "open")
    tab = front(window)
    assert isinstance(tab, ResultTab)
    until(qtbot, lambda: tab.is_painted)
    return tab


def compared(qtbot: QtBot, window: MainWindow, *numbers: int) -> CompareTab:
    history = look_at_history(qtbot, window, 3)
    for number in numbers:
        history.table.entries.tick(number, True)
    press(history, "compare")
    tab = front(window)
    assert isinstance(tab, CompareTab)
    until(qtbot, lambda: tab.is_painted)
    return tab


def table_of(tab: OpenedTab, name: str) -> list[list[str]]:
    table = find(tab, QTableWidget, name)
    return [[table.item(row, c).text() for c in range(table.columnCount())] for row in range(table.rowCount())]
