"""Keeps Python's cyclic garbage collector on the thread of the window.

Python collects wherever an allocation happens to reach a threshold, so also in the threads that train and read; what it
finds there may be widgets and graphics items that a closed tab left behind, and Qt must not see those destroyed by
another thread than its own: the program would end now and then without a word. Calibre does the same for the same
reason (its ``GarbageCollector``, by K. Goyal).
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 1000  # seconds of garbage are a few megabytes


class GarbageCollector(QObject):
    """Collects in the thread that made it, as its parent's event loop comes round; elsewhere nothing is collected.

    What exists when it is made, libraries above all, is left out for good, which makes a whole collection short.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        gc.collect()
        gc.freeze()
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    @staticmethod
    def collect() -> None:
        """Collect as many generations as Python would have by now."""
        due = [count > threshold for count, threshold in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if due[0]:
            gc.collect(2 if due[2] else 1 if due[1] else 0)
