"""Hands events from a working thread to the window's thread, records a few at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from engine.events.runs import Record
from engine.events.watching import WatchedEvent

# A small network records 130 times a second. Waking the window's thread for each interrupts the training, and is of no
# use, as no view is redrawn more often than this.
RECORDS_INTERVAL_MS = 40
# A folder that is read for the first time may hold a hundred thousand records; between two batches the window handles
# its own events.
LONGEST_BATCH_MS = 10


class EventDelivery(QObject):
    """Calls ``deliver`` in the thread of this object with all that was ``put``, in that order.

    A record is delivered at most ``RECORDS_INTERVAL_MS`` late, and with it those that have arrived since; anything else
    at once, after what was put before.

    Args:
        deliver: receives the events, and whatever else was put.
        parent: owner of this object.
    """

    _arrived = Signal(bool)  # whether it is urgent

    def __init__(self, deliver: Callable[[Any], None], parent: QObject) -> None:
        super().__init__(parent)
        self._deliver = deliver
        self._waiting: deque[Any] = deque()
        self._is_announced = False  # whether a delivery will follow that includes a record put now
        self._delivered = 0.0
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._deliver_all)
        self._arrived.connect(self._schedule, Qt.ConnectionType.QueuedConnection)

    def put(self, event: Any) -> None:
        """Add an event; called by the working thread."""
        self._waiting.append(event)
        is_record = isinstance(event.event if isinstance(event, WatchedEvent) else event, Record)
        if not (is_record and self._is_announced):
            self._is_announced = True
            self._arrived.emit(not is_record)

    def _schedule(self, urgent: bool) -> None:
        left = RECORDS_INTERVAL_MS - 1000 * (time.monotonic() - self._delivered)
        if urgent or left <= 0:
            self._deliver_all()
        else:
            self._timer.start(round(left))

    def _deliver_all(self) -> None:
        self._timer.stop()
        self._delivered = time.monotonic()
        self._is_announced = False  # before the queue is emptied: a record put from here on is announced again
        while self._waiting:
            self._deliver(self._waiting.popleft())
            if 1000 * (time.monotonic() - self._delivered) > LONGEST_BATCH_MS:
                self._timer.start(0)
                return
