"""What a connection tells the executor, and the queue by which it does."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe

from engine.executors.dask.messages import MessageBatch


@dataclass(frozen=True)
class MessagesReceived:
    """Messages of an attempt on ``worker``."""

    worker: str
    batch: MessageBatch


@dataclass(frozen=True)
class WorkerJoined:
    """A worker is there, for the first time or again."""

    worker: str


@dataclass(frozen=True)
class WorkerLost:
    """A worker is no longer there."""

    worker: str


@dataclass(frozen=True)
class WorkerRejected:
    """A worker can't be used."""

    worker: str
    reason: str


@dataclass(frozen=True)
class RunFailed:
    """Dask has given up a run."""

    run: int
    reason: str


@dataclass(frozen=True)
class RunDropped:
    """The scheduler was lost, and with it what it knew of a run."""

    run: int


@dataclass(frozen=True)
class SchedulerLost:
    """The scheduler is lost for good."""

    reason: str


@dataclass(frozen=True)
class Warned:
    """Something went wrong that ends nothing."""

    reason: str


Notification = (
    MessagesReceived | WorkerJoined | WorkerLost | WorkerRejected | RunFailed | RunDropped | SchedulerLost | Warned
)


class NotificationQueue:
    """Takes notifications from one thread to another, which can wait for them with others.

    Attributes:
        reader: ready for :func:`multiprocessing.connection.wait` when there are some.
    """

    def __init__(self) -> None:
        self._notifications: queue.SimpleQueue[Notification] = queue.SimpleQueue()
        self.reader, self._writer = Pipe(duplex=False)
        self._lock, self._is_signalled = threading.Lock(), False

    def put(self, notification: Notification) -> None:
        """Add one."""
        self._notifications.put(notification)
        with self._lock:
            if not self._is_signalled:
                self._is_signalled = True
                self._writer.send_bytes(b"1")

    def get_all(self) -> list[Notification]:
        """Those since the last call."""
        with self._lock:
            if self._is_signalled:
                self.reader.recv_bytes()
                self._is_signalled = False
        found: list[Notification] = []
        with suppress(queue.Empty):
            while True:
                found.append(self._notifications.get_nowait())
        return found

    def close(self) -> None:
        """Close both ends of the pipe."""
        self.reader.close()
        self._writer.close()
