"""Real child processes that follow a script, mostly by dying; none loads TensorFlow.

Only the execution of tasks is replaced: a child starts, communicates and ends with its parent as in the program.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from engine.events.commands import Control, Poll
from engine.events.datasets import DatasetReady
from engine.events.devices import WorkerReady
from engine.events.runs import Intervention, InterventionKind
from engine.events.tasks import Emit
from engine.executors.processes import worker
from engine.executors.processes.worker import WorkerSettings
from engine.executors.runner import TaskRunner
from engine.executors.tasks import PrepareTask, Task, TrainTask
from tests.engine.support import INFO, finished, record, started

FOLDER = "TRAINSCOPE_TEST_SCRIPT"  # environment variable with the folder of the script

_pipe: list[Connection] = []


def _tear(then: int) -> None:
    """Send a part of a message."""
    os.write(_pipe[0].fileno(), struct.pack("!i", 1000) + b"not so many")
    os.kill(os.getpid(), then)


def _send_garbage() -> None:
    _pipe[0].send_bytes(b"no pickle")
    signal.pause()


def _deadlock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def _burn() -> None:
    while True:
        pass


def _exceed_memory_limit() -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**26, limits[1]))
    try:
        np.ones(2**28)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


ENDINGS: dict[str, Callable[[], object]] = {
    "segfault": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(7),
    "tear": lambda: _tear(signal.SIGKILL),
    "garble": _send_garbage,
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "stop within a message": lambda: _tear(signal.SIGSTOP),
    "deadlock": _deadlock,
    "hold the interpreter": lambda: ctypes.PyDLL(None).pause(),
    "burn": _burn,
    "eat": _exceed_memory_limit,
}


class Script:
    """What children do: the n-th run follows the n-th word; the first ``dying`` children end before they begin."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, *words: str, dying: int = 0) -> None:
        for old in self._folder.iterdir():
            old.unlink()
        for number, word in enumerate(words, start=1):
            (self._folder / f"run-{number}").write_text(word)
        for number in range(dying):
            (self._folder / f"dying-{number}").touch()

    def word(self, run: int) -> str:
        return (self._folder / f"run-{run}").read_text()

    @property
    def dying(self) -> int:
        """Number of children that are still to end before they begin."""
        return len(list(self._folder.glob("dying-*")))

    def start(self) -> None:
        for token in self._folder.glob("dying-*"):
            token.unlink()
            raise ImportError("a broken installation")


def scripted(folder: Path, patch: pytest.MonkeyPatch) -> Script:
    """Return a script in ``folder`` that all children started from now on follow."""
    there = folder / "script"
    there.mkdir()
    patch.setenv(FOLDER, str(there))
    patch.setattr("engine.executors.processes.child.worker_main", scripted_worker)
    return Script(there)


def scripted_worker(connection: Connection, settings: WorkerSettings) -> None:
    """The worker's main function with another runner."""
    script = Script(Path(os.environ[FOLDER]))
    _pipe.append(connection)
    worker.configure = lambda _threads, _device: script.start()  # type: ignore[assignment]
    worker.worker_ready = lambda: WorkerReady({})  # type: ignore[assignment]
    worker.TaskRunner = lambda _placement, _images: ScriptedRunner(script)  # type: ignore[assignment, misc]
    worker.worker_main(connection, settings)


class ScriptedRunner(TaskRunner):
    """Executes words of the script; errors are reported as in the program."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script

    def _execute(self, task: Task, emit: Emit, poll: Poll) -> None:
        match task:
            case PrepareTask():
                emit(DatasetReady(INFO))
            case TrainTask(run):
                self._train(run, self._script.word(run), emit, poll)

    def _train(self, run: int, word: str, emit: Emit, poll: Poll) -> None:
        emit(started(run))
        emit(record(run))
        match word:
            case "train":
                emit(finished(run))
            case "finish and die":
                emit(finished(run))
                ENDINGS["kill"]()
            case "hold":
                emit(Intervention(run, 10, 0.5, InterventionKind.PAUSED))
                while poll(wait=True) is not Control.RESUME:
                    pass
                emit(Intervention(run, 10, 0.5, InterventionKind.RESUMED))
                emit(finished(run))
            case _:
                ENDINGS[word]()
