"""What the tasks beside the runs have in common."""

from __future__ import annotations

from engine.events.runs import Status
from engine.events.tasks import Event, TaskFailed


class Auxiliary:
    """A task beside the runs: the session or the window waits for its answer."""

    def failed(self, status: Status, reason: str) -> Event:
        """The event that says this task ended without its answer."""
        return TaskFailed(reason, cancelled=status is Status.CANCELLED)
