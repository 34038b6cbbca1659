"""Work in steps, between which the window stays responsive."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

ENDED = object()


class Steps(QTimer):
    """Advances ``work``, a generator, once per iteration of the event loop until it ends or ``window`` is closed."""

    def __init__(self, work: Iterator[None], window: QWidget) -> None:
        super().__init__(window, interval=0)
        self._work, self._window = work, window
        self.timeout.connect(self._advance)
        self.start()

    def _advance(self) -> None:
        if not self._window.isVisible() or next(self._work, ENDED) is ENDED:
            self.stop()
            self.deleteLater()
