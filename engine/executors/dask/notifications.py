"""Notifications from the connection to the executor, and their queue."""

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
    """A worker joined or rejoined."""

    worker: str


@dataclass(frozen=True)
class WorkerLost:
    """A worker left the cluster."""

    worker: str


@dataclass(frozen=True)
class WorkerRejected:
    """A worker is unusable."""

    worker: str
    reason: str


@dataclass(frozen=True)
class RunFailed:
    """Dask reported the task of a run as failed."""

    run: int
    reason: str


@dataclass(frozen=True)
class RunDropped:
    """The scheduler was lost together with its state of a run."""

    run: int


@dataclass(frozen=True)
class SchedulerLost:
    """The scheduler is permanently lost."""

    reason: str


@dataclass(frozen=True)
class Warned:
    """A non-fatal problem occurred."""

    reason: str


Notification = (
    MessagesReceived | WorkerJoined | WorkerLost | WorkerRejected | RunFailed | RunDropped | SchedulerLost | Warned
)


class NotificationQueue:
    """Queue between two threads, whose consumer can wait for it together with other connections.

    Attributes:
        reader: reported as ready by ``multiprocessing.connection.wait`` while notifications are queued.
    """

    def __init__(self) -> None:
        self._notifications: queue.SimpleQueue[Notification] = queue.SimpleQueue()
        self.reader, self._writer = Pipe(duplex=False)
        self._lock, self._is_signalled = threading.Lock(), False

    def put(self, notification: Notification) -> None:
        """Enqueue a notification; thread-safe."""
        self._notifications.put(notification)
        with self._lock:
            if not self._is_signalled:
                self._is_signalled = True
                self._writer.send_bytes(b"1")

    def get_all(self) -> list[Notification]:
        """Return the notifications queued since the last call."""
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
