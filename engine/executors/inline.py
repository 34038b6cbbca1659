"""Runs tasks one after the other in this very process (``--workers 0``): the plainest way, and the one to debug in."""

from __future__ import annotations

from collections.abc import Sequence

from engine.control import ControlChannel
from engine.devices import AUTO, quiet_tensorflow, use_device
from engine.events import Control, Emit, Status
from engine.executors.tasks import COMPUTING, Task, TaskRunner


class InlineExecutor:
    """An executor without processes. TensorFlow is loaded into this process by the first run.

    Args:
        device: what it computes on: auto, cpu or gpu:N.
    """

    def __init__(self, device: str = AUTO) -> None:
        self._runner = TaskRunner()
        self._device = device
        self._device_is_set = device == AUTO  # as TensorFlow would have it

    def start(self, runs: int) -> int:
        """One task at a time."""
        quiet_tensorflow()
        return 1

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out the tasks in order; after a control, the rest end as cancelled."""
        last: Control | None = None

        def poll() -> Control | None:
            nonlocal last
            received = control.poll()
            last = received or last
            return received

        for task in tasks:
            if last is not None or poll() is not None:
                emit(task.failed(Status.CANCELLED, "Not started."))
            else:
                self._set_device(task)
                self._runner.execute(task, emit, poll)
        return last

    def close(self) -> None:
        """Nothing to end."""

    def _set_device(self, task: Task) -> None:
        if not self._device_is_set and isinstance(task, COMPUTING):
            use_device(self._device)
            self._device_is_set = True
