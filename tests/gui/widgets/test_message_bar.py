"""Message bar."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton, QToolButton
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


def test_what_can_be_done_at_once_has_a_button_until_the_next_message(qtbot: QtBot) -> None:
    bar, done = MessageBar(), []
    qtbot.addWidget(bar)
    button = find(bar, QPushButton, "message_action")
    bar.offer("Two images can't be read.", "Leave them out", lambda: done.append(1))
    assert (button.text(), button.isHidden()) == ("Leave them out", False)
    button.click()
    assert (done, bar.text, bar.isHidden()) == ([1], "", True)
    bar.offer("Two images can't be read.", "Leave them out", lambda: done.append(2))
    bar.show_error("The disk is full; make room.")
    assert button.isHidden()
    assert done == [1]
