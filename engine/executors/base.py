"""The interface of all executors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.devices.names import Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SetLearningRate, SkipRun
from engine.events.tasks import Emit
from engine.executors.tasks import Task, TrainTask


class Executor(Protocol):
    """Executes tasks and delivers their events in the caller's thread."""

    def start(self, runs: int, threads: int | None = None) -> int:
        """Prepare for a plan of ``runs`` runs; clears a pause.

        Args:
            runs: number of runs.
            threads: threads per task; None to choose them.

        Returns:
            The number of tasks that are executed in parallel.
        """

    def allocation(self, runs: int, threads: int | None = None) -> Allocation | None:
        """Return what ``start`` with these arguments would use, without starting anything; thread-safe.

        Returns:
            None if it is not on this machine, but on a cluster.
        """

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Execute all tasks, calling ``emit`` in this thread, until each has ended.

        A control that ends trainings is sent to every running task; tasks not yet started end at once as cancelled. On
        a second cancel, an executor that can do so kills what has not responded. While paused, no task is started; a
        pause outlasts this call, until the next ``start``.

        Returns:
            The last control received that ends trainings; all tasks may have finished before they could respond to it.
        """

    def close(self) -> None:
        """End everything that ``start`` started."""


def ending_control(command: Command | None) -> Control | None:
    """Return ``command`` if it is a control that ends trainings."""
    return command if isinstance(command, Control) and command.ends else None


def concerns(command: Command, task: Task) -> bool:
    """Return whether ``command`` is addressed to ``task``, not to another run."""
    match command:
        case SkipRun(run) | SetLearningRate(_, int(run)):
            return isinstance(task, TrainTask) and task.run == run
    return True
