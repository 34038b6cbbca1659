"""An executor that is made when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from engine.devices.names import Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.tasks import Emit
from engine.executors.base import Executor
from engine.executors.tasks import Task


class LateExecutor:
    """An executor made by ``make`` in the thread that first uses it, as importing it would delay the first paint."""

    def __init__(self, make: Callable[[], Executor]) -> None:
        self._make = make
        self._made: Executor | None = None
        self._lock = Lock()

    def start(self, runs: int, threads: int | None = None) -> int:
        """Prepare for a plan of ``runs`` runs."""
        return self._executor().start(runs, threads)

    def allocation(self, runs: int, threads: int | None = None) -> Allocation | None:
        """Return what ``start`` would use; thread-safe."""
        return self._executor().allocation(runs, threads)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Execute all tasks."""
        return self._executor().run(tasks, emit, control)

    def close(self) -> None:
        """End everything that ``start`` started."""
        if self._made is not None:
            self._made.close()

    def _executor(self) -> Executor:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
