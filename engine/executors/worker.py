"""The child process: receives tasks over its pipe, carries them out, sends their events back.

It ends when its pipe does, so it can't outlive the process that started it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engine.devices import AUTO, configure
from engine.events import Command, Event
from engine.executors.tasks import COMPUTING, TaskRunner, worker_ready

# Enough for the scheduler to prefer the window whenever it has something to do; where nothing else wants the
# processor, a nice process is as fast as any.
YIELDING_NICENESS = 10


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker behaves.

    ``threads`` is the size of its thread pool, ``log_file`` takes what the libraries print; a ``yielding`` worker lets
    other processes, the window above all, have the processor first. ``device`` is auto, cpu or gpu:N.
    """

    threads: int
    log_file: Path
    yielding: bool
    device: str = AUTO


class WarmUp:
    """Message to a worker: load the training libraries now; answered with WorkerReady."""


class TaskDone:
    """Message from a worker: the task has ended and all its events were sent."""


class ParentGone(SystemExit):
    """The pipe's other end is closed: nobody waits for results any more."""


def worker_main(connection: Connection, settings: WorkerSettings) -> None:
    """Serve tasks until the pipe closes."""
    _prepare_process(settings)
    runner = TaskRunner()
    configured = False

    def send(event: Event | TaskDone) -> None:
        try:
            connection.send(event)
        except OSError:
            raise ParentGone from None

    def poll(*, wait: bool = False) -> Command | None:
        if not wait and not connection.poll():
            return None
        message = _receive(connection)
        return message if isinstance(message, Command) else None

    while True:
        message: Any = _receive(connection)
        if not configured and isinstance(message, (WarmUp, *COMPUTING)):
            configure(settings.threads, settings.device)
            configured = True
        if isinstance(message, WarmUp):
            send(worker_ready())
        elif not isinstance(message, Command):  # a command that arrives after its task has ended
            runner.execute(message, send, poll)
            send(TaskDone())


def _receive(connection: Connection) -> object:
    try:
        return connection.recv()
    except (EOFError, OSError):
        raise ParentGone from None


def _prepare_process(settings: WorkerSettings) -> None:
    # Ctrl-C in a terminal reaches every process of it; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # TensorFlow's C++ side prints past sys.stderr, so the descriptors themselves are pointed at the log.
    try:
        descriptor = os.open(settings.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:  # it trains as well without a log
        descriptor = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    if settings.yielding and hasattr(os, "nice"):
        os.nice(YIELDING_NICENESS)
    if sys.stderr is not None:
        faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
