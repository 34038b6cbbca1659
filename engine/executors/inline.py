"""Runs tasks one after the other in this very process (``--workers 0``): the plainest way, and the one to debug in."""

from __future__ import annotations

from collections.abc import Sequence

from engine.devices.hardware import quiet_tensorflow, use_device
from engine.devices.names import AUTO
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, Poll, SkipRun
from engine.events.runs import Status
from engine.events.tasks import Emit
from engine.executors.base import concerns, ending
from engine.executors.placement import Placement
from engine.executors.runner import TaskRunner
from engine.executors.tasks import COMPUTING, Task, TrainTask


class InlineExecutor:
    """An executor without processes. TensorFlow is loaded into this process by the first run.

    Args:
        device: what it computes on: auto, cpu or the key of a GPU.
    """

    def __init__(self, device: str = AUTO) -> None:
        self._runner = TaskRunner(Placement(device))
        self._device = device
        self._device_is_set = False
        self._router = CommandRouter()

    def start(self, runs: int, threads: int | None = None) -> int:
        """One task at a time, with as many threads as this process has."""
        quiet_tensorflow()
        self._router = CommandRouter()
        return 1

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out the tasks in order; see :class:`~engine.executors.base.Executor`."""
        router = self._router
        router.begin()
        for task in tasks:
            router.wait_to_start(control)
            if router.ended is not None:
                emit(task.failed(Status.CANCELLED, "Not started."))
            elif isinstance(task, TrainTask) and task.run in router.skipped:
                emit(task.failed(Status.SKIPPED, "Skipped."))
            else:
                self._set_device(task)
                self._runner.execute(task, emit, router.poll_for(task, control))
        return router.ended

    def close(self) -> None:
        """Nothing to end."""

    def _set_device(self, task: Task) -> None:
        if not self._device_is_set and isinstance(task, COMPUTING):
            use_device(self._device)
            self._device_is_set = True


class CommandRouter:
    """Sorts commands: those for the task under way are passed on, the others noted for the tasks to come."""

    def __init__(self) -> None:
        self.ended: Control | None = None
        self.skipped: set[int] = set()
        self._paused = False
        self._step_asked = False

    def begin(self) -> None:
        """Tasks follow that nobody has ended yet."""
        self.ended = None

    def wait_to_start(self, control: ControlChannel) -> None:
        """Take what has been asked between two tasks; while paused, wait until a task may start."""
        self._step_asked = False
        while (command := control.poll(wait=self._holds)) is not None:
            self._note(command)

    def poll_for(self, task: Task, control: ControlChannel) -> Poll:
        """What ``task`` asks for its commands. One that was let in by a step is held after its first record."""
        is_held = self._paused

        def poll(*, wait: bool = False) -> Command | None:
            nonlocal is_held
            if is_held:
                is_held = False
                return Control.PAUSE
            while (command := control.poll(wait=wait)) is not None:
                self._note(command)
                if concerns(command, task):
                    return command
            return None

        return poll

    @property
    def _holds(self) -> bool:
        return self._paused and not self._step_asked and self.ended is None

    def _note(self, command: Command) -> None:
        match command:
            case Control.PAUSE:
                self._paused = True
            case Control.RESUME:
                self._paused = False
            case Control.STEP:
                self._step_asked = True
            case SkipRun(run):
                self.skipped.add(run)
            case _:
                self.ended = ending(command) or self.ended
