"""Runs tasks one after the other in this very process (``--workers 0``): the plainest way, and the one to debug in."""

from __future__ import annotations

from collections.abc import Sequence

from engine.control import ControlChannel
from engine.devices import quiet_tensorflow
from engine.events import Control, Emit, Status
from engine.executors.tasks import Task, TaskRunner


class InlineExecutor:
    """An executor without processes. TensorFlow is loaded into this process by the first run."""

    def __init__(self) -> None:
        self._runner = TaskRunner()

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
                self._runner.execute(task, emit, poll)
        return last

    def close(self) -> None:
        """Nothing to end."""
