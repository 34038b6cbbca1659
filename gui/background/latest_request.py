"""What is asked of an executor while a person keeps changing the question."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from engine.executors.tasks import InferenceTask


class LatestRequest:
    """Sends tasks so that at most one of each kind is under way; of those asked meanwhile the newest waits.

    Args:
        send: hands a task to an executor, which answers every task, in the order they were sent.
    """

    def __init__(self, send: Callable[[InferenceTask], None]) -> None:
        self._send = send
        self._sent: deque[InferenceTask] = deque()
        self._waiting: dict[type[InferenceTask], InferenceTask] = {}

    def ask(self, task: InferenceTask) -> None:
        """Send ``task``, or let it wait in place of an older one of its kind."""
        if any(type(other) is type(task) for other in self._sent):
            self._waiting[type(task)] = task
        else:
            self._start(task)

    def forget(self, kind: type[InferenceTask]) -> None:
        """Let go of the one of that kind that waits, if one does."""
        self._waiting.pop(kind, None)

    def answered(self) -> InferenceTask | None:
        """The task that an answer which has just come is for; the one that waited for it is sent."""
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
