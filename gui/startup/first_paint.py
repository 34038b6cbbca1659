"""Deferral of work until a window has been painted."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget


class FirstPaint(QObject):
    """Calls ``then`` once ``window``, which is being shown, has been painted for the first time.

    A timer of 0 ms would fire too early: the window system requests painting some time after ``show()``.
    """

    def __init__(self, window: QWidget, then: Callable[[], object]) -> None:
        super().__init__(window)
        self._handle, self._then = window.windowHandle(), then
        if self._handle.isExposed():
            self._schedule()
        else:
            self._handle.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Schedule the call on the first expose event: Qt paints in its handler, before the timer fires."""
        if event.type() == QEvent.Type.Expose and self._handle.isExposed():
            self._handle.removeEventFilter(self)
            self._schedule()
        return False

    def _schedule(self) -> None:
        QTimer.singleShot(0, self._then)
        self.deleteLater()
