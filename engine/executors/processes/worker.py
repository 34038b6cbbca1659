"""The child process: receives tasks over its pipe, carries them out, sends their events back.

It ends when the process that started it does, whatever it is doing then.
"""

from __future__ import annotations

import faulthandler
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.devices.hardware import configure
from engine.devices.names import AUTO
from engine.events.commands import Command
from engine.events.tasks import Event
from engine.executors.placement import Placement
from engine.executors.runner import TaskRunner, warm_up, worker_ready
from engine.executors.tasks import COMPUTING, TrainTask
from engine.utils.streams import prepare_streams

# Enough for the scheduler to prefer the window whenever it has something to do; where nothing else wants the
# processor, a nice process is as fast as any.
YIELDING_NICENESS = 10


# Who presses Run has its first task here sooner than that.
IDLE_SECONDS = 0.5

# What reaches every process at once, by Ctrl-C, a terminal that is closed or a system that shuts down: only the parent
# decides what that means.
HELD_BACK = {getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)}


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker behaves.

    ``threads`` is the size of its thread pool, ``log_file`` takes what the libraries print, ``temporary_folder`` what
    they don't keep; a ``yielding`` worker lets other processes, the window above all, have the processor first.
    ``device`` is auto, cpu or the key of a GPU, ``side_by_side`` how many such workers there are.
    """

    threads: int
    log_file: Path
    temporary_folder: Path
    yielding: bool
    device: str = AUTO
    side_by_side: int = 1


class WarmUp:
    """Message to a worker: load the training libraries now; answered with WorkerReady."""


class TaskBegun:
    """Message from a worker: it has what it needs and begins the task."""


class TaskDone:
    """Message from a worker: the task has ended and all its events were sent."""


class ParentGone(SystemExit):
    """The pipe's other end is closed: nobody waits for results any more."""


def worker_main(connection: Connection, settings: WorkerSettings) -> None:
    """Serve tasks until the pipe closes."""
    end_with_parent()
    # Before a library has asked for it.
    os.environ["TMPDIR"] = tempfile.tempdir = str(settings.temporary_folder)
    prepare_process(settings.log_file, settings.yielding)
    runner = TaskRunner(Placement(settings.device, settings.side_by_side, settings.threads))
    configured = rehearsed = False

    def send(event: Event | TaskBegun | TaskDone) -> None:
        try:
            connection.send(event)
        except OSError:
            raise ParentGone from None

    def something_came(within: float = 0) -> bool:
        try:
            return connection.poll(within)
        except OSError:
            raise ParentGone from None

    def poll(*, wait: bool = False) -> Command | None:
        if not wait and not something_came():
            return None
        message = _receive(connection)
        return message if isinstance(message, Command) else None

    while True:
        if configured and not rehearsed and not something_came(IDLE_SECONDS):
            warm_up(something_came)
            rehearsed = True
        message: Any = _receive(connection)
        if not configured and isinstance(message, (WarmUp, *COMPUTING)):
            configure(settings.threads, settings.device)
            configured = True
        rehearsed |= isinstance(message, TrainTask)
        if isinstance(message, WarmUp):
            send(worker_ready())
        elif not isinstance(message, Command):  # a command that arrives after its task has ended
            send(TaskBegun())
            runner.execute(message, send, poll)
            send(TaskDone())


def _receive(connection: Connection) -> object:
    try:
        return connection.recv()
    except (EOFError, OSError):
        raise ParentGone from None


def end_with_parent() -> None:
    """End this process at once when the one that started it is gone, even while it computes in compiled code."""
    parent = multiprocessing.parent_process()
    if parent is None:  # it was not started by one
        return

    def wait_and_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_and_end, name="end-with-parent", daemon=True).start()
    if sys.platform == "linux":
        # The thread needs the interpreter. The kernel needs nothing of a process that is stopped or holds on to it: it
        # sends this signal when the other end of the pipe that the thread waits on is closed.
        import fcntl

        pipe = parent.sentinel
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)


def prepare_process(log_file: Path, yielding: bool) -> None:
    """Make a child process deaf to Ctrl-C, and have all that it prints in its log."""
    for number in HELD_BACK:
        signal.signal(number, signal.SIG_IGN)
    # TensorFlow's C++ side prints past sys.stderr, so the descriptors themselves are pointed at the log.
    try:
        descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:  # it trains as well without a log
        descriptor = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    prepare_streams()  # a program of Windows that has no console gives its children none
    if yielding and hasattr(os, "nice"):
        os.nice(YIELDING_NICENESS)
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
