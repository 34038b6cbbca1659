"""The interface that every executor has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SetLearningRate, SkipRun
from engine.events.tasks import Emit
from engine.executors.tasks import Task, TrainTask


class Executor(Protocol):
    """Carries out tasks somewhere and hands their events to the caller's thread."""

    def start(self, runs: int, threads: int | None = None) -> int:
        """Make ready for a plan of ``runs`` runs, none of them paused; gives the number of tasks side by side.

        Each gets ``threads`` threads where that is given.
        """

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out all tasks, calling ``emit`` in this thread; returns when each has ended.

        Gives the last control received meanwhile that ends a training: a task may have been over before it could obey.

        Such a control reaches every task that is running; those not yet started end at once, as cancelled. Asked to
        cancel once more, an executor that can ends by force what has not obeyed. While paused, no task is started; a
        pause outlasts this call, until the next :meth:`start`.
        """

    def close(self) -> None:
        """End everything that :meth:`start` began; nothing is left running."""


def ending(command: Command | None) -> Control | None:
    """``command`` if it ends a training."""
    return command if isinstance(command, Control) and command.ends else None


def concerns(command: Command, task: Task) -> bool:
    """Whether ``command`` is for ``task``, and not for another run."""
    match command:
        case SkipRun(run) | SetLearningRate(_, int(run)):
            return isinstance(task, TrainTask) and task.run == run
    return True
