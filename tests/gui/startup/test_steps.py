"""gui.startup.steps: work between whose steps the event loop runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from gui.startup.steps import Steps
from tests.gui.support import PATIENCE_MS


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    shown = QWidget()
    qtbot.addWidget(shown)
    shown.show()
    return shown


def test_other_events_come_between_the_steps(qtbot: QtBot, window: QWidget) -> None:
    seen: list[str] = []

    def work() -> Iterator[None]:
        for number in range(3):
            seen.append(f"step {number}")
            QTimer.singleShot(0, lambda number=number: seen.append(f"event {number}"))
            yield

    steps = Steps(work(), window)
    with qtbot.waitSignal(steps.destroyed, timeout=PATIENCE_MS):
        assert seen == [], "nothing is done at once"
    assert seen == ["step 0", "event 0", "step 1", "event 1", "step 2", "event 2"]


def test_no_step_follows_once_the_window_is_closed(qtbot: QtBot, window: QWidget) -> None:
    seen: list[int] = []

    def work() -> Iterator[None]:
        for number in range(3):
            seen.append(number)
            if number == 1:
                window.close()
            yield

    with qtbot.waitSignal(Steps(work(), window).destroyed, timeout=PATIENCE_MS):
        pass
    assert seen == [0, 1]
