"""The splash screen, and work deferred until the window is painted."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from gui.startup.first_paint import FirstPaint
from gui.startup.splash import BACKGROUND, HEIGHT, WIDTH, Splash
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, tab_of


def test_the_splash_is_painted_at_once_in_the_middle_of_the_screen(qtbot: QtBot) -> None:
    splash = Splash()
    qtbot.addWidget(splash)
    splash.show_now()
    assert splash.windowHandle().isExposed()
    assert (splash.width(), splash.height()) == (WIDTH, HEIGHT)
    off = splash.geometry().center() - splash.screen().availableGeometry().center()
    assert max(abs(off.x()), abs(off.y())) <= 1
    image = splash.grab().toImage()
    colours = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert image.pixelColor(2, 2) == BACKGROUND
    assert {QColor("#e69f00").name(), QColor("#56b4e9").name()} <= colours, "the icon's curves"


def test_what_waits_for_the_first_paint_comes_once_and_after_it(qtbot: QtBot) -> None:
    seen: list[str] = []

    class Painted(QLabel):
        def paintEvent(self, event: object) -> None:  # noqa: N802
            super().paintEvent(event)  # type: ignore[arg-type]
            seen.append("painted")

    window = Painted("text", alignment=Qt.AlignmentFlag.AlignCenter)
    qtbot.addWidget(window)
    window.create()
    FirstPaint(window, lambda: seen.append("then"))
    window.show()
    qtbot.waitUntil(lambda: "then" in seen, timeout=PATIENCE_MS)
    assert seen[0] == "painted"
    window.hide()
    window.show()
    qtbot.waitUntil(lambda: seen[-1] == "painted" and len(seen) > 2, timeout=PATIENCE_MS)
    assert seen.count("then") == 1


@pytest.mark.makes_boards_early
def test_a_board_is_made_when_it_is_first_needed(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    first, other = tab_of(window), tab_of(window, "schedule")
    qtbot.waitUntil(lambda: first.board_stack.findChild(QWidget, "views") is not None, timeout=PATIENCE_MS)
    assert other.board_stack.findChild(QWidget, "views") is None
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        other.start()
    assert other.board_stack.findChild(QWidget, "views") is not None
