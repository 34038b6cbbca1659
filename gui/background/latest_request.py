"""Throttling of tasks whose input the user keeps changing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from engine.executors.tasks import InferenceTask


class LatestRequest:
    """Keeps at most one task of each type running; of those requested meanwhile only the newest is kept.

    Args:
        send: passes a task to an executor, which answers all tasks in the order they were sent.
    """

    def __init__(self, send: Callable[[InferenceTask], None]) -> None:
        self._send = send
        self._sent: deque[InferenceTask] = deque()
        self._waiting: dict[type[InferenceTask], InferenceTask] = {}

    def ask(self, task: InferenceTask) -> None:
        """Send ``task``, or keep it in place of an older waiting one of its type."""
        if any(type(other) is type(task) for other in self._sent):
            self._waiting[type(task)] = task
        else:
            self._start(task)

    def forget(self, kind: type[InferenceTask]) -> None:
        """Discard the waiting task of that type, if any."""
        self._waiting.pop(kind, None)

    def answered(self) -> InferenceTask | None:
        """Return the task that the answer just received belongs to, and send the waiting one of its type."""
        if not self._sent:
            return None
        task = self._sent.popleft()
        waiting = self._waiting.pop(type(task), None)
        if waiting is not None:
            self._start(waiting)
        return task

    def _start(self, task: InferenceTask) -> None:
        self._sent.append(task)
        self._send(task)
