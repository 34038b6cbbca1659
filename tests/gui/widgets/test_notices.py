"""Notices over the lower right corner of a widget."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from gui.widgets.message_bar import MessageBar
from gui.widgets.notices import MARGIN, Notices
from tests.gui.history_support import until


def test_notices_move_nothing_and_are_as_tall_as_their_text(qtbot: QtBot) -> None:
    host, button, bar, offer = QWidget(), QPushButton("Run"), MessageBar(), QLabel("An offer")
    QVBoxLayout(host).addWidget(button)
    offer.hide()
    notices = Notices(host, bar, offer)
    qtbot.addWidget(host)
    host.resize(900, 500)
    host.show()
    place = button.geometry()
    assert notices.size().isEmpty()
    bar.show_error("The disk is full; make room.")
    until(qtbot, lambda: not notices.size().isEmpty())
    low = notices.height()
    bar.show_error("The disk is full; make room. " * 10)
    until(qtbot, lambda: notices.height() > 2 * low)
    offer.show()
    until(qtbot, lambda: bar.geometry().bottom() < offer.geometry().top())
    host.resize(600, 400)
    until(qtbot, lambda: notices.geometry().right() == 600 - MARGIN - 1)
    assert notices.geometry().bottom() == 400 - MARGIN - 1
    host.resize(900, 500)
    assert button.geometry() == place
    bar.clear()
    offer.hide()
    until(qtbot, lambda: notices.size().isEmpty())
