"""Executes tasks one after another in this process (``--workers 0``), mainly for debugging."""

from __future__ import annotations

from collections.abc import Sequence

from engine.devices.calibration import likely_library, read_calibration
from engine.devices.hardware import cpu_count, quiet_tensorflow, use_device
from engine.devices.libraries import use_library
from engine.devices.names import AUTO, Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, Poll, SkipRun
from engine.events.runs import Status
from engine.events.tasks import Emit
from engine.executors.base import concerns, ending_control
from engine.executors.libraries import library_for
from engine.executors.placement import Placement
from engine.executors.runner import TaskRunner
from engine.executors.tasks import Task, TrainTask, needs_tensorflow


class InlineExecutor:
    """An executor without child processes. The first run loads TensorFlow into this process.

    Args:
        device: auto, cpu or the key of a GPU.
    """

    def __init__(self, device: str = AUTO) -> None:
        self._runner = TaskRunner(Placement(device))
        self._device = device
        self._device_is_set = False
        self._router = CommandRouter()

    def start(self, runs: int, threads: int | None = None) -> int:
        """Prepare for one task at a time, with all threads of this process; see ``Executor``."""
        quiet_tensorflow()
        use_library(likely_library())
        self._router = CommandRouter()
        return 1

    def allocation(self, runs: int, threads: int | None = None) -> Allocation:
        """Return this process with all its threads; see ``Executor``."""
        return Allocation(1, cpu_count(), self._device)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Execute the tasks in order; see ``Executor``.

        The library is not measured for them: an earlier measurement decides, unless TensorFlow is loaded already.
        """
        use_library(library_for(tasks, read_calibration()))
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
        """Do nothing: there are no processes to end."""

    def _set_device(self, task: Task) -> None:
        if not self._device_is_set and needs_tensorflow(task):
            use_device(self._device)
            self._device_is_set = True


class CommandRouter:
    """Routes commands: those for the running task are passed on, the others kept for the next tasks."""

    def __init__(self) -> None:
        self.ended: Control | None = None
        self.skipped: set[int] = set()
        self._paused = False
        self._step_requested = False

    def begin(self) -> None:
        """Start a new list of tasks."""
        self.ended = None

    def wait_to_start(self, control: ControlChannel) -> None:
        """Read the commands between two tasks; while paused, wait until a task may start."""
        self._step_requested = False
        while (command := control.poll(wait=self._blocks)) is not None:
            self._record(command)

    def poll_for(self, task: Task, control: ControlChannel) -> Poll:
        """Return the poll of ``task``. A task that was started by a step is paused after its first record."""
        must_pause = self._paused

        def poll(*, wait: bool = False) -> Command | None:
            nonlocal must_pause
            if must_pause:
                must_pause = False
                return Control.PAUSE
            while (command := control.poll(wait=wait)) is not None:
                self._record(command)
                if concerns(command, task):
                    return command
            return None

        return poll

    @property
    def _blocks(self) -> bool:
        return self._paused and not self._step_requested and self.ended is None

    def _record(self, command: Command) -> None:
        match command:
            case Control.PAUSE:
                self._paused = True
            case Control.RESUME:
                self._paused = False
            case Control.STEP:
                self._step_requested = True
            case SkipRun(run):
                self.skipped.add(run)
            case _:
                self.ended = ending_control(command) or self.ended
