"""The thread that carries out experiments and tasks with an executor."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control
from engine.events.experiments import ExperimentFinished
from engine.events.runs import Status
from engine.events.tasks import Emit, TaskFailed
from engine.executors.base import Executor
from engine.executors.tasks import Task
from engine.session import run_queue_entry
from engine.storage.database import RECORDING_BUSY_SECONDS
from engine.storage.locks import owner_lock
from engine.storage.store import Store
from engine.utils.errors import Cancelled, TrainscopeError
from engine.workspace.queue import QueueEntry

log = logging.getLogger(__name__)

Job = Callable[[Emit, ControlChannel], None]


class EngineThread(QThread):
    """Does jobs one after the other, away from the event loop, and emits what happens as Qt signals.

    ``happened`` carries every event; ``idle`` comes after each experiment or task, whatever became of it. The thread
    owns its executor and closes it when it ends. ``noticed(sentence)`` tells of what does no harm to what is under way,
    ``warm`` of processes that :meth:`warm_up` has made ready.
    """

    happened = Signal(object)
    noticed = Signal(str)
    warm = Signal()
    idle = Signal()

    def __init__(self, executor: Executor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executor = executor
        self._jobs: queue.SimpleQueue[tuple[Job, ControlChannel, bool] | None] = queue.SimpleQueue()
        self._newest: ControlChannel | None = None
        self._aside: ControlChannel | None = None

    def warm_up(self, runs: int) -> None:
        """Start the training processes that a plan of ``runs`` runs needs, so that they are ready when asked."""

        def job(_emit: Emit, _control: ControlChannel) -> None:
            self._executor.start(runs)
            self.warm.emit()
            # What compares variants at the end of an experiment: 0.15 s to load, which the window need not wait for.
            import_module("scipy.special")

        self._jobs.put((job, ControlChannel(), False))

    def run_experiment(self, workspace: Path, order: QueueEntry) -> None:
        """Carry out an experiment; ends with :class:`~engine.events.experiments.ExperimentFinished`."""

        def job(emit: Emit, control: ControlChannel) -> None:
            try:
                with (
                    closing(Store(workspace, RECORDING_BUSY_SECONDS, self.noticed.emit)) as store,
                    owner_lock(store.workspace) as owner,
                ):
                    run_queue_entry(order, owner, store, self._executor, emit, control)
            except TrainscopeError as error:
                emit(ExperimentFinished(None, Status.FAILED, str(error)))

        self.run_job(job)

    def run_task(self, task: Task) -> None:
        """Carry out a task that is not a run; ends with its answer or :class:`~engine.events.tasks.TaskFailed`."""
        self.run_job(self._job_of(task))

    def run_aside(self, task: Task) -> None:
        """Carry out a task that nobody waits for: not announced by ``idle``, and only :meth:`close` ends it."""
        self._aside = ControlChannel()
        self._jobs.put((self._job_of(task), self._aside, False))

    def _end_aside(self) -> None:
        """End the newest task of that kind if it is under way, by force if need be."""
        if self._aside is not None:
            with suppress(OSError):  # closed: it has ended meanwhile
                self._aside.send(Control.CANCEL)
                self._aside.send(Control.CANCEL)

    def run_job(self, job: Job) -> None:
        """Do something else away from the event loop, with what it emits reported by ``happened``."""
        # A channel a job: what was asked of one can't reach the next.
        self._newest = ControlChannel()
        self._jobs.put((job, self._newest, True))

    def send(self, command: Command) -> None:
        """Ask something of the newest experiment or task, begun or not; honoured within one recording interval."""
        if self._newest is not None:
            with suppress(OSError):  # closed: the job has ended meanwhile
                self._newest.send(command)

    def run(self) -> None:
        """The thread's body; Qt calls it."""
        try:
            while (entry := self._jobs.get()) is not None:
                self._do(*entry)
        finally:
            self._executor.close()

    def close(self) -> None:
        """Finish the job under way, unless nobody waits for it, end the training processes and the thread."""
        self._end_aside()
        self._jobs.put(None)
        self.wait()

    def _job_of(self, task: Task) -> Job:
        def job(emit: Emit, control: ControlChannel) -> None:
            self._executor.run([task], emit, control)

        return job

    def _do(self, job: Job, control: ControlChannel, announced: bool) -> None:
        try:
            job(self.happened.emit, control)
        except TrainscopeError as error:
            self.happened.emit(TaskFailed(str(error), isinstance(error, Cancelled)))
        except Exception as error:
            # The thread must go on: without it the window could neither train nor close.
            log.exception("unexpected error in a job")
            reason = f"An unexpected {type(error).__name__} ended the task ({error}); try it again."
            self.happened.emit(TaskFailed(reason))
        finally:
            control.close()
        if announced:
            self.idle.emit()
