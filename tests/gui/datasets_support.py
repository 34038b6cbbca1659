"""The Data sets tab in a window, and what it displays."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QTabWidget,
)

from engine.executors.inline import InlineExecutor
from gui.datasets.tab import BUTTONS, DatasetsTab
from gui.datasets.table import TITLES
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.gui.conftest import MakeWindow
from tests.gui.support import find


def open_page(make_window: MakeWindow) -> tuple[MainWindow, DatasetsTab]:
    """Open a window on the Data sets tab, with executors that run in threads rather than processes."""
    window = make_window(assistant=InlineExecutor(), librarian=InlineExecutor())
    page = find(window, DatasetsTab, "tab_datasets")
    find(window, QTabWidget, "tabs").setCurrentWidget(page)
    return window, page


def press(page: DatasetsTab, name: str) -> None:
    button = find(page, QPushButton, f"dataset_{name}")
    assert button.isEnabled(), f"{name} can't be pressed"
    button.click()


def enabled(page: DatasetsTab) -> set[str]:
    names = [*BUTTONS, "cancel"]
    return {name for name in names if find(page, QPushButton, f"dataset_{name}").isEnabled()}


def status(page: DatasetsTab) -> str:
    return find(page, QLabel, "dataset_status").text()


def row(page: DatasetsTab, dataset: str) -> dict[str, str]:
    """Return the texts in the row of a data set, by column."""
    page.table.choose(dataset, emit=False)
    texts = [page.table.item(page.table.currentRow(), column) for column in range(len(TITLES))]
    return dict(zip(TITLES, (item.text() for item in texts if item is not None), strict=True))


def message(window: MainWindow) -> str:
    return find(window, MessageBar, "message_bar").text
