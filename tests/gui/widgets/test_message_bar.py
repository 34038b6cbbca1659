"""Message bar."""

from __future__ import annotations

from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from gui.widgets.message_bar import MessageBar
from tests.gui.support import find


def test_the_message_bar_is_hidden_while_empty(qtbot: QtBot) -> None:
    bar = MessageBar()
    qtbot.addWidget(bar)
    assert bar.isHidden()
    bar.show_error("The disk is full; make room.")
    assert not bar.isHidden()
    assert bar.text == "The disk is full; make room."
    find(bar, QToolButton, "dismiss_message").click()
    assert bar.isHidden()
