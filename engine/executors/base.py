"""The interface that every executor has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.control import ControlChannel
from engine.events import Control, Emit
from engine.executors.tasks import Task


class Executor(Protocol):
    """Carries out tasks somewhere and hands their events to the caller's thread."""

    def start(self, runs: int) -> int:
        """Make ready for a plan of ``runs`` runs; gives the number of tasks that will run side by side."""

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out all tasks, calling ``emit`` in this thread; returns when each has ended.

        Gives the last control received meanwhile: a task may have been over before it could obey.

        A control reaches every task that is running; those not yet started end at once, as cancelled.
        """

    def close(self) -> None:
        """End everything that :meth:`start` began; nothing is left running."""
