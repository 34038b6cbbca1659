"""A History tab on a workspace, and what its tests ask of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from engine.workspace.catalogue import Catalogue, CatalogueEntry
from gui.history.model import COLUMNS, TICK
from gui.history.opened_tab import OpenedTab
from gui.history.tab import HistoryTab
from gui.window.main_window import MainWindow
from tests.gui.support import PATIENCE_MS, find


def entry_of(workspace: Path, number: int) -> CatalogueEntry:
    """What the store says now."""
    with closing(Catalogue(workspace)) as catalogue:
        return catalogue.entry(number)


def listed(tab: HistoryTab) -> list[int]:
    """The numbers in sight, from top to bottom."""
    return [entry.number for entry in tab.table.entries.rows]


def column(tab: HistoryTab, position: int) -> list[str]:
    """The texts of a column."""
    model = tab.table.entries
    return [model.index(row, position).data() for row in range(model.rowCount())]


def tick(tab: HistoryTab, *numbers: int) -> None:
    """Click the tick boxes of those experiments."""
    model = tab.table.entries
    for number in numbers:
        row = model.row_of(number)
        assert row is not None
        assert model.setData(model.index(row, TICK), Qt.CheckState.Checked.value, Qt.ItemDataRole.CheckStateRole)


def press(parent: QWidget, name: str) -> None:
    """Press the button of an action."""
    button = find(parent, QToolButton, name)
    assert button.isEnabled(), f"{name} can't be pressed"
    button.click()


def enabled(parent: QWidget, *names: str) -> list[str]:
    """Those of the buttons ``names`` that can be pressed."""
    return [name for name in names if find(parent, QToolButton, name).isEnabled()]


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    """Wait for what must come."""
    qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)


def look_at_history(qtbot: QtBot, window: MainWindow, count: int) -> HistoryTab:
    """Bring the History tab of a window to the front and wait until it lists ``count`` experiments."""
    tab = find(window, HistoryTab, "tab_history")
    find(window, QTabWidget, "tabs").setCurrentWidget(tab)
    until(qtbot, lambda: tab.table.entries.rowCount() == count)
    return tab


def open_tabs(window: MainWindow) -> list[OpenedTab]:
    """The tabs of stored experiments and comparisons, from left to right."""
    tabs = find(window, QTabWidget, "tabs")
    widgets = (tabs.widget(position) for position in range(tabs.count()))
    return [widget for widget in widgets if isinstance(widget, OpenedTab)]


TITLES = [column.title for column in COLUMNS]
