"""Thread that runs experiments and tasks with an executor."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from engine.devices.calibration import needs_calibration
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control
from engine.events.experiments import ExperimentFinished
from engine.events.runs import Status
from engine.events.tasks import Emit, TaskFailed
from engine.executors.base import Executor
from engine.executors.tasks import CalibrateMachineTask, Task
from engine.session import run_queue_entry
from engine.storage.database import RECORDING_BUSY_SECONDS
from engine.storage.locks import owner_lock
from engine.storage.store import Store
from engine.utils.errors import Cancelled, TrainscopeError
from engine.workspace.queue import QueueEntry

log = logging.getLogger(__name__)

Job = Callable[[Emit, ControlChannel], None]


class EngineThread(QThread):
    """Runs jobs one after the other and emits their events as Qt signals.

    The thread owns its executor and closes it at its end. Signals: ``happened(event)`` for every event,
    ``idle()`` after each experiment or task, whatever its outcome, ``warned(sentence)`` for problems that do not affect
    the current job, and ``warm()`` when the processes started by ``warm_up`` are ready.
    """

    happened = Signal(object)
    warned = Signal(str)
    warm = Signal()
    idle = Signal()

    def __init__(self, executor: Executor, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executor = executor
        self._jobs: queue.SimpleQueue[tuple[Job, ControlChannel, bool] | None] = queue.SimpleQueue()
        self._channel: ControlChannel | None = None
        self._unannounced: ControlChannel | None = None
        self._calibration: ControlChannel | None = None

    def warm_up(self, runs: int) -> None:
        """Start the training processes for ``runs`` runs in advance."""

        def job(_emit: Emit, _control: ControlChannel) -> None:
            self._executor.start(runs)
            self.warm.emit()
            # Compares variants at the end of an experiment; importing it takes 0.15 s, better spent here.
            import_module("scipy.special")

        self._jobs.put((job, ControlChannel(), False))

    def run_experiment(self, workspace: Path, entry: QueueEntry) -> None:
        """Run an experiment; its last event is ``ExperimentFinished``."""

        def job(emit: Emit, control: ControlChannel) -> None:
            try:
                with (
                    closing(Store(workspace, RECORDING_BUSY_SECONDS, self.warned.emit)) as store,
                    owner_lock(store.workspace) as owner,
                ):
                    run_queue_entry(entry, owner, store, self._executor, emit, control)
            except TrainscopeError as error:
                emit(ExperimentFinished(None, Status.FAILED, str(error)))

        self.run_job(job)

    def run_task(self, task: Task) -> None:
        """Run a task that is not a run; its last event is the result or ``TaskFailed``."""
        self.run_job(self._job_of(task))

    def run_unannounced(self, task: Task) -> None:
        """Run a task without emitting ``idle`` at its end; only ``close`` can cancel it."""
        self._unannounced = ControlChannel()
        self._jobs.put((self._job_of(task), self._unannounced, False))

    def calibrate(self) -> None:
        """Measure this machine's reference times that are not known yet, if any.

        The next job waits for it, as it most likely needs them; a command that ends that job ends the measurement, too.
        """
        if self._calibration is not None:
            return
        measure = self._job_of(CalibrateMachineTask())

        def job(emit: Emit, control: ControlChannel) -> None:
            try:
                if needs_calibration():
                    measure(emit, control)
            finally:
                self._calibration = None

        self._calibration = ControlChannel()
        self._jobs.put((job, self._calibration, False))

    def run_job(self, job: Job) -> None:
        """Run any other job; the events it emits are forwarded by ``happened``."""
        # One channel per job: a command to one can't reach the next.
        self._channel = ControlChannel()
        self._jobs.put((job, self._channel, True))

    def send(self, command: Command) -> None:
        """Send a command to the newest experiment or task, started or not; obeyed within one recording interval."""
        if isinstance(command, Control) and command.ends:
            _cancel(self._calibration)
        if self._channel is not None:
            with suppress(OSError):  # closed: the job has ended
                self._channel.send(command)

    def run(self) -> None:
        """Run the thread; called by Qt."""
        try:
            while (entry := self._jobs.get()) is not None:
                self._run_job(*entry)
        finally:
            self._executor.close()

    def close(self) -> None:
        """Wait for the current job, cancelling an unannounced one, then end the training processes and the thread."""
        _cancel(self._unannounced)
        _cancel(self._calibration)
        self._jobs.put(None)
        self.wait()

    def _job_of(self, task: Task) -> Job:
        def job(emit: Emit, control: ControlChannel) -> None:
            self._executor.run([task], emit, control)

        return job

    def _run_job(self, job: Job, control: ControlChannel, announced: bool) -> None:
        try:
            job(self.happened.emit, control)
        except TrainscopeError as error:
            self.happened.emit(TaskFailed(str(error), isinstance(error, Cancelled)))
        except Exception as error:
            # The thread must survive: without it the window could neither train nor close.
            log.exception("unexpected error in a job")
            reason = f"An unexpected {type(error).__name__} ended the task ({error}); try it again."
            self.happened.emit(TaskFailed(reason))
        finally:
            control.close()
        if announced:
            self.idle.emit()


def _cancel(channel: ControlChannel | None) -> None:
    """Cancel the job of a channel if it is running, by force if necessary."""
    if channel is not None:
        with suppress(OSError):  # closed: the job has ended
            channel.send(Control.CANCEL)
            channel.send(Control.CANCEL)
