"""Cyclic garbage collection in the GUI thread only.

Python collects in whichever thread's allocation reaches a threshold, including the training and reading threads. The
garbage may contain widgets and graphics items of a closed tab, which Qt requires to be destroyed in the GUI thread:
otherwise the program crashes occasionally. Calibre does the same for the same reason (its ``GarbageCollector``, by
K. Goyal).
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 1000  # garbage of a few seconds is a few megabytes


class GarbageCollector(QObject):
    """Collects by a timer in the thread that creates it; automatic collection is disabled.

    Objects that exist at creation, mostly of libraries, are frozen, which keeps full collections short.
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
        """Collect the generations whose thresholds are exceeded, as Python would."""
        due = [count > threshold for count, threshold in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if due[0]:
            gc.collect(2 if due[2] else 1 if due[1] else 0)
