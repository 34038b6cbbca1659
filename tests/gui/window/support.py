"""Helpers of the tests of the main window."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QLabel,
    QToolButton,
)

from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.engine.support import finished, record, started, weights
from tests.gui.support import find, tab_of


def press(window: MainWindow, name: str) -> None:
    button = find(tab_of(window), QToolButton, name)
    assert button.isEnabled(), f"{name} can't be pressed"
    button.click()


def status(window: MainWindow) -> str:
    return find(tab_of(window), QLabel, "status").text()


def message(window: MainWindow) -> str:
    return find(window, MessageBar, "message_bar").text


def whole_run(task):
    return [started(task.run), weights(task.run), record(task.run, 260), weights(task.run, 26, 1), finished(task.run)]
