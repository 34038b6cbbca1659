"""A child process as seen by its parent: its start, its messages, and why it ended."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from engine.events.commands import Command, Control, SkipRun
from engine.events.runs import Intervention, InterventionKind, RunFinished, Status
from engine.events.tasks import Event
from engine.executors.processes.exit_status import describe_exit, oom_kills
from engine.executors.processes.scratch_folder import ScratchFolder
from engine.executors.processes.watchdog import Watchdog
from engine.executors.processes.worker import IGNORED_SIGNALS, TaskBegun, TaskDone, WarmUp, WorkerSettings, worker_main
from engine.executors.tasks import CalibrateTask, Task, TrainTask
from engine.utils.errors import WorkerError
from engine.utils.text import pluralise

log = logging.getLogger(__name__)

END_SECONDS = 5.0  # for a child to end after it was killed or its pipe was closed


class ChildLost(Exception):
    """The child will send nothing more."""


class Child:
    """A child process and its current task.

    Args:
        slot: number of the child, from 0.
        settings: those of the worker; log file and temporary folder are replaced by the child's own.
        log_folder: folder of its log, created if missing.
        hang_seconds: how long it may be inactive during a training.
    """

    def __init__(self, slot: int, settings: WorkerSettings, log_folder: Path, hang_seconds: float) -> None:
        """Start the process.

        Raises:
            WorkerError: if it can't be started.
        """
        self.slot = slot
        self._log_file = log_folder / f"worker-{slot + 1}.log"
        self._hang_seconds = hang_seconds
        self._folder: ScratchFolder | None = None
        try:
            with suppress(OSError):  # it can train without a log
                log_folder.mkdir(parents=True, exist_ok=True)
            self._folder = ScratchFolder()
            own = replace(settings, log_file=self._log_file, temporary_folder=self._folder.path)
            self._process, self.connection = start_child(slot, own, hang_seconds)
        except OSError as error:
            if self._folder is not None:
                self._folder.remove()
            raise WorkerError(f"A training process can't be started ({error}); close other programs.") from None
        self._oom_kills = oom_kills()
        self._watchdog = Watchdog(self._process.pid or 0, hang_seconds)
        self._is_paused = False  # the run
        self._kill_reason: tuple[Status, str] | None = None  # overrides the explanation of the exit code
        self.task: Task | None = None
        self.has_begun = False  # the task; until then another child can take it over
        self.is_over = False  # the run has ended; the end of the task is about to be reported
        self.requested_end: tuple[Status, str] | None = None  # how the task ends if it never begins
        self.has_ever_begun = False  # any task

    @property
    def is_free(self) -> bool:
        """Whether it is idle, or about to be."""
        return self.task is None or self.is_over

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    @property
    def poll_seconds(self) -> float | None:
        """How often ``hangs`` is to be called; None while it need not be."""
        return self._watchdog.poll_seconds if self._is_watched else None

    def assign(self, task: Task) -> None:
        """Send it a task; ``OSError`` is propagated if it has died.

        Raises:
            BlockingIOError: if it hangs; it is killed then.
        """
        try:
            self.connection.send(task)
        except BlockingIOError:
            self.kill_hung()
            raise
        self.task, self.has_begun, self.is_over, self._is_paused, self.requested_end = task, False, False, False, None
        self._oom_kills = oom_kills()
        self._watchdog.reset()

    def send(self, message: Command | WarmUp) -> None:
        """Send a message; the death of the child is only noticed by ``receive``."""
        match message:
            case Control() if message.ends:
                self.requested_end = Status.CANCELLED, "Not started."
            case SkipRun():
                self.requested_end = Status.SKIPPED, "Skipped."
        try:
            self.connection.send(message)
        except BlockingIOError:
            self.kill_hung()
        except OSError:
            log.info("worker %d has ended before it was sent %s", self.slot + 1, message)

    def receive(self) -> Event | None:
        """Return the next event that it has sent, None if there is none yet; ``ChildLost`` is propagated."""
        while (message := self._read()) is not None:
            self._watchdog.reset()
            match message:
                case TaskBegun():
                    self.has_begun = self.has_ever_begun = True
                    continue
                case TaskDone():
                    self.task = None
                    continue
                case RunFinished():
                    self.is_over = True
                case Intervention(kind=InterventionKind.PAUSED):
                    self._is_paused = True
                case Intervention(kind=InterventionKind.RESUMED):
                    self._is_paused = False
            event: Event = message
            return event
        return None

    def hangs(self) -> bool:
        """Return whether it is training or calibrating, and hangs."""
        return self._is_watched and self._watchdog.check()

    def kill_hung(self) -> None:
        """Kill it because it hangs; events sent before can still be received."""
        duration = pluralise(round(self._hang_seconds), "second")
        reason = (
            f"The training process neither said nor computed anything for {duration} and was ended; run it again, and "
            f"if that ends alike, look at the end of its log, {self._log_file}."
        )
        self.kill(Status.CRASHED, reason)

    def kill(self, status: Status, reason: str) -> None:
        """Kill it.

        Args:
            status: how its task ends, unless its events say otherwise.
            reason: a sentence.
        """
        self._kill_reason = self._kill_reason or (status, reason)
        self._process.kill()

    def close(self) -> None:
        """Close the pipe, upon which the process ends by itself; kill it if it is idle."""
        self.connection.close()
        if self.task is None:
            self._process.kill()  # it may be importing, which takes long

    def join(self, timeout: float = END_SECONDS) -> tuple[Status, str]:
        """Wait ``timeout`` seconds for the process to end, then kill it, and free its resources.

        Returns:
            Status and reason of the task that ended with it.
        """
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            self._process.join(END_SECONDS)
        if self._process.exitcode is not None:  # a process that waits for a disk may not die
            self._process.close()
        self.connection.close()
        if self._folder is not None:
            self._folder.remove()
        return self._kill_reason or (Status.CRASHED, describe_exit(code, self._log_file, self._oom_kills))

    @property
    def _is_watched(self) -> bool:
        return isinstance(self.task, (TrainTask, CalibrateTask)) and not self._is_paused and self._kill_reason is None

    def _read(self) -> Any:
        try:
            # A message truncated by its death raises an OSError, a corrupted one an error of any type.
            return pickle.loads(self.connection.recv_bytes()) if self.connection.poll() else None  # noqa: S301
        except BlockingIOError:  # it hangs within a message
            self.kill_hung()
            raise ChildLost from None
        except (EOFError, OSError):
            raise ChildLost from None
        except Exception as error:
            log.info("worker %d sent a message that can't be read: %r", self.slot + 1, error)
            reason = f"The training process sent what can't be read and was ended; its log is {self._log_file}."
            self.kill(Status.CRASHED, reason)
            raise ChildLost from None


def start_child(slot: int, settings: WorkerSettings, hang_seconds: float) -> tuple[BaseProcess, Connection]:
    """Start a process; return it and the pipe to it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    try:
        _set_timeouts(ours, hang_seconds)
        process = context.Process(
            target=worker_main, args=(theirs, settings), name=f"trainscope-worker-{slot + 1}", daemon=True
        )
        with signals_blocked():
            process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def _set_timeouts(connection: Connection, seconds: float) -> None:
    """Limit how long a child that hangs within a message blocks its parent; on Windows messages are atomic."""
    if os.name == "posix":
        whole = int(seconds)
        limit = struct.pack("ll", whole, int((seconds - whole) * 1e6))  # struct timeval
        with socket.socket(fileno=os.dup(connection.fileno())) as same:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                same.setsockopt(socket.SOL_SOCKET, option, limit)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block signals such as Ctrl-C for child processes started in this context, until they ignore them themselves."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # started together with the first child, it would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IGNORED_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
