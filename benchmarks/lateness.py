"""Lateness of the window's event loop."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer

PERIOD_MS = 16


class LatenessTimer(QTimer):
    """A timer with period ``PERIOD_MS`` that passes its lateness in ms to ``take`` at each tick."""

    def __init__(self, take: Callable[[float], None], parent: QObject) -> None:
        super().__init__(parent, interval=PERIOD_MS, timerType=Qt.TimerType.PreciseTimer)
        self._take, self._before = take, 0.0
        self.timeout.connect(self._tick)

    def begin(self) -> None:
        """Start the timer."""
        self._before = time.perf_counter()
        self.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self._take(max(0.0, 1000 * (now - self._before) - PERIOD_MS))
        self._before = now
