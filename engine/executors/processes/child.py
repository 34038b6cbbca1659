"""One child process as its parent sees it: how it is started, spoken to, and what is said of it once it has ended."""

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
from engine.executors.processes.exit_status import describe_ending, memory_kills
from engine.executors.processes.scratch_folder import OwnFolder
from engine.executors.processes.watchdog import StandstillWatch
from engine.executors.processes.worker import HELD_BACK, TaskBegun, TaskDone, WarmUp, WorkerSettings, worker_main
from engine.executors.tasks import Task, TrainTask
from engine.utils.errors import WorkerError
from engine.utils.text import pluralise

log = logging.getLogger(__name__)

# How long a child that was killed, or whose pipe was closed, may take to be gone.
END_SECONDS = 5.0


class ChildLost(Exception):
    """Nothing more will come from this child."""


class Child:
    """A child process and the task it is at. Raises :class:`~engine.utils.errors.WorkerError` where it can't be started.

    Args:
        position: its place among the children, from 0.
        settings: how it behaves; its log is a file of its own in ``log_folder``.
        log_folder: made where there is none.
        hang_seconds: how long it may stand still in a training.
    """

    def __init__(self, position: int, settings: WorkerSettings, log_folder: Path, hang_seconds: float) -> None:
        self.position = position
        self._log_file = log_folder / f"worker-{position + 1}.log"
        self._hang_seconds = hang_seconds
        self._folder: OwnFolder | None = None
        try:
            with suppress(OSError):  # it trains as well without a log
                log_folder.mkdir(parents=True, exist_ok=True)
            self._folder = OwnFolder()
            own = replace(settings, log_file=self._log_file, temporary_folder=self._folder.path)
            self._process, self.connection = started_child(position, own, hang_seconds)
        except OSError as error:
            if self._folder is not None:
                self._folder.remove()
            raise WorkerError(f"A training process can't be started ({error}); close other programs.") from None
        self._memory_kills = memory_kills()
        self._watch = StandstillWatch(self._process.pid or 0, hang_seconds)
        self._is_held = False  # its run is paused
        self._verdict: tuple[Status, str] | None = None  # what to say of its task where its exit code says too little
        self.task: Task | None = None
        self.has_begun = False  # with its task; until then another child can take that over
        self.is_over = False  # the run of its task has ended; it is about to say so of the task
        self.asked_to_end: tuple[Status, str] | None = None  # how its task ends if it is never begun
        self.has_worked = False  # it has begun a task once

    @property
    def is_free(self) -> bool:
        """Whether it can take a task, now or in a moment."""
        return self.task is None or self.is_over

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive()

    @property
    def look_seconds(self) -> float | None:
        """How often :meth:`stands_still` wants to be asked; None while there is nothing to look at."""
        return self._watch.look_seconds if self._is_watched else None

    def give(self, task: Task) -> None:
        """Give it a task; raises OSError where it has died."""
        try:
            self.connection.send(task)
        except BlockingIOError:
            self.end_standstill()
            raise
        self.task, self.has_begun, self.is_over, self._is_held, self.asked_to_end = task, False, False, False, None
        self._memory_kills = memory_kills()
        self._watch.heard()

    def tell(self, message: Command | WarmUp) -> None:
        """Tell it something; that it has died is noticed when it is listened to."""
        match message:
            case Control() if message.ends:
                self.asked_to_end = Status.CANCELLED, "Not started."
            case SkipRun():
                self.asked_to_end = Status.SKIPPED, "Skipped."
        try:
            self.connection.send(message)
        except BlockingIOError:
            self.end_standstill()
        except OSError:
            log.info("worker %d is not there to be told %s", self.position + 1, message)

    def receive(self) -> Event | None:
        """The next event it has sent, None where there is none yet; raises :class:`ChildLost`."""
        while (message := self._read()) is not None:
            self._watch.heard()
            match message:
                case TaskBegun():
                    self.has_begun = self.has_worked = True
                    continue
                case TaskDone():
                    self.task = None
                    continue
                case RunFinished():
                    self.is_over = True
                case Intervention(kind=InterventionKind.PAUSED):
                    self._is_held = True
                case Intervention(kind=InterventionKind.RESUMED):
                    self._is_held = False
            event: Event = message
            return event
        return None

    def stands_still(self) -> bool:
        """Whether its run has come to a standstill."""
        return self._is_watched and self._watch.look()

    def end_standstill(self) -> None:
        """End it because it stands still; what it has sent before can still be received."""
        stood = pluralise(round(self._hang_seconds), "second")
        reason = (
            f"The training process neither said nor computed anything for {stood} and was ended; run it again, and if "
            f"that ends alike, look at the end of its log, {self._log_file}."
        )
        self.end(Status.CRASHED, reason)

    def end(self, status: Status, reason: str) -> None:
        """End it by force; its task then ended as ``status`` says, unless it has told otherwise before."""
        self._verdict = self._verdict or (status, reason)
        self._process.kill()

    def close(self) -> None:
        """Close the pipe, at which the process ends by itself; one with nothing to lose is ended by force."""
        self.connection.close()
        if self.task is None:
            self._process.kill()  # may be deep in an import

    def join(self, patience: float = END_SECONDS) -> tuple[Status, str]:
        """Wait ``patience`` seconds for the end, then use force; gives what to say of the task that ended with it."""
        self._process.join(patience)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            self._process.join(END_SECONDS)
        if self._process.exitcode is not None:  # the system may hold on to one that waits for a disk
            self._process.close()
        self.connection.close()
        if self._folder is not None:
            self._folder.remove()
        return self._verdict or (Status.CRASHED, describe_ending(code, self._log_file, self._memory_kills))

    @property
    def _is_watched(self) -> bool:
        return isinstance(self.task, TrainTask) and not self._is_held and self._verdict is None

    def _read(self) -> Any:
        try:
            # A message that its death tore apart ends as an OSError, one that it garbled as an error of any kind.
            return pickle.loads(self.connection.recv_bytes()) if self.connection.poll() else None  # noqa: S301
        except BlockingIOError:  # it stood still within a message
            self.end_standstill()
            raise ChildLost from None
        except (EOFError, OSError):
            raise ChildLost from None
        except Exception as error:
            log.info("worker %d sent what can't be read: %r", self.position + 1, error)
            reason = f"The training process sent what can't be read and was ended; its log is {self._log_file}."
            self.end(Status.CRASHED, reason)
            raise ChildLost from None


def started_child(position: int, settings: WorkerSettings, hang_seconds: float) -> tuple[BaseProcess, Connection]:
    """A process that waits for its first task, and the pipe to it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    try:
        _limit_waiting(ours, hang_seconds)
        process = context.Process(
            target=worker_main, args=(theirs, settings), name=f"trainscope-worker-{position + 1}", daemon=True
        )
        with signals_held_back():
            process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def _limit_waiting(connection: Connection, seconds: float) -> None:
    """One that stands still within a message must not hold its parent; on Windows messages come whole."""
    if os.name == "posix":
        whole = int(seconds)
        limit = struct.pack("ll", whole, int((seconds - whole) * 1e6))  # struct timeval
        with socket.socket(fileno=os.dup(connection.fileno())) as same:
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                same.setsockopt(socket.SOL_SOCKET, option, limit)


@contextmanager
def signals_held_back() -> Iterator[None]:
    """A child started within inherits that Ctrl-C doesn't reach it, long before it could say so itself."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # started with the first child otherwise, it would lift the mask again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
