"""The child process: receives tasks over its pipe, executes them and sends their events back.

It ends with its parent process, whatever it is doing then.
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
from engine.devices.libraries import use_library
from engine.devices.names import AUTO
from engine.events.commands import Command
from engine.events.tasks import Event
from engine.executors.images import ImageStore
from engine.executors.placement import Placement
from engine.executors.runner import TaskRunner, warm_up, worker_ready
from engine.executors.tasks import CalibrateTask, TrainTask, needs_tensorflow
from engine.utils.streams import prepare_streams

# Enough for the scheduler to prefer the window whenever it has work; on an otherwise idle processor, a nice process is
# not slower.
NICENESS = 10
IDLE_SECONDS = 0.5  # before warm-up; a pressed Run delivers its task sooner
# Sent to all processes at once, by Ctrl-C, when a terminal is closed or the system shuts down; only the parent reacts.
IGNORED_SIGNALS = {getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)}


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker.

    Attributes:
        threads: size of its thread pool.
        log_file: receives what the libraries print.
        temporary_folder: for temporary files of the libraries.
        low_priority: whether other processes, above all the window, get the processor first.
        device: auto, cpu or the key of a GPU.
        library: with which TensorFlow computes on the processor.
        processes: number of such workers.
        image_folder: through which they share prepared images.
    """

    threads: int
    log_file: Path
    temporary_folder: Path
    low_priority: bool
    device: str = AUTO
    library: str = ""
    processes: int = 1
    image_folder: Path | None = None


class WarmUp:
    """Message to a worker: load the training libraries now; answered by ``WorkerReady``."""


class TaskBegun:
    """Message from a worker: it has received the task and begins it."""


class TaskDone:
    """Message from a worker: the task has ended and all its events have been sent."""


class ParentGone(SystemExit):
    """The parent's end of the pipe is closed."""


def worker_main(connection: Connection, settings: WorkerSettings) -> None:
    """Execute tasks until the pipe is closed.

    Raises:
        ParentGone: when it is closed.
    """
    exit_with_parent()
    os.environ["TMPDIR"] = tempfile.tempdir = str(settings.temporary_folder)
    use_library(settings.library)  # before TensorFlow is loaded
    prepare_process(settings.log_file, settings.low_priority)
    runner = _make_runner(settings)
    configured = warmed_up = False

    def send(event: Event | TaskBegun | TaskDone) -> None:
        try:
            connection.send(event)
        except OSError:
            raise ParentGone from None

    def has_message(timeout: float = 0) -> bool:
        try:
            return connection.poll(timeout)
        except OSError:
            raise ParentGone from None

    def poll(*, wait: bool = False) -> Command | None:
        if not wait and not has_message():
            return None
        message = _receive(connection)
        return message if isinstance(message, Command) else None

    while True:
        if configured and not warmed_up and not has_message(IDLE_SECONDS):
            warm_up(has_message)
            warmed_up = True
        message: Any = _receive(connection)
        if not configured and (isinstance(message, WarmUp) or needs_tensorflow(message)):
            configure(settings.threads, settings.device)
            configured = True
        warmed_up |= isinstance(message, (TrainTask, CalibrateTask))
        if isinstance(message, WarmUp):
            send(worker_ready())
        elif not isinstance(message, Command):  # a command that arrives after its task has ended
            send(TaskBegun())
            runner.execute(message, send, poll)
            send(TaskDone())


def _make_runner(settings: WorkerSettings) -> TaskRunner:
    placement = Placement(settings.device, settings.processes, settings.threads)
    return TaskRunner(placement, ImageStore(settings.image_folder))


def _receive(connection: Connection) -> object:
    try:
        return connection.recv()
    except (EOFError, OSError):
        raise ParentGone from None


def exit_with_parent() -> None:
    """End this process as soon as its parent has ended, even while it runs compiled code."""
    parent = multiprocessing.parent_process()
    if parent is None:  # not a child process
        return

    def wait_and_end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait_and_end, name="end-with-parent", daemon=True).start()
    if sys.platform == "linux":
        # The thread needs the GIL, and a process that runs. The kernel needs neither: it sends this signal when the
        # other end of the pipe that the thread waits on is closed.
        import fcntl

        pipe = parent.sentinel
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)


def prepare_process(log_file: Path, low_priority: bool) -> None:
    """Let a child process ignore Ctrl-C and redirect its output to its log."""
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    # TensorFlow's C++ code bypasses sys.stderr, so the file descriptors themselves are redirected.
    try:
        descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:  # it can train without a log
        descriptor = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    prepare_streams()  # on Windows, children of a program without a console have none
    if low_priority and hasattr(os, "nice"):
        os.nice(NICENESS)
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
