"""Collapsible text."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QToolButton
from pytestqt.qtbot import QtBot

from gui.widgets.collapsible_text import CollapsibleText
from tests.gui.support import find


def test_a_text_can_be_collapsed(qtbot: QtBot) -> None:
    lesson = CollapsibleText("Watch the <b>loss</b>.")
    qtbot.addWidget(lesson)
    lesson.show()
    text = find(lesson, QLabel, "lesson_text")
    assert text.isVisible()
    find(lesson, QToolButton, "lesson_toggle").click()
    assert not text.isVisible()
    find(lesson, QToolButton, "lesson_toggle").click()
    assert text.isVisible()
