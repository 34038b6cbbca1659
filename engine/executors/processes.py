"""Runs tasks in child processes, each with threads of its own, over pipes.

Children are spawned, so none inherits Qt or a half-used TensorFlow, and started warm: by the time a person presses Run
they have imported what they need.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from engine.control import ControlChannel
from engine.devices import AUTO, cpu_count
from engine.errors import WorkerError
from engine.events import Command, Control, Emit, RunFinished, SkipRun, Status
from engine.executors.base import concerns, ending
from engine.executors.tasks import Task, TrainTask
from engine.executors.worker import TaskDone, WarmUp, WorkerSettings, worker_main

# How long a child may take to notice that its pipe is closed before it is ended by force. A child looks at its pipe
# after each recording interval; seconds cover a slow one.
CLOSE_SECONDS = 5.0

MOST_WORKERS = 8

# Messages taken from one child before the others and the controls get their turn.
MESSAGES_A_LOOK = 100


def default_workers(runs: int, cores: int) -> int:
    """How many processes give the most throughput for ``runs`` runs: one single-threaded process a core.

    Measured on two cores: two single-threaded processes finish 1.8 times as many runs of mlp_1 as one two-threaded
    process, 1.08 times as many of cnn_4. A single run gets all threads. Each process holds TensorFlow and the data,
    about a gigabyte with CIFAR-10, hence the cap.
    """
    return max(1, min(runs, cores, MOST_WORKERS))


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A child started within inherits that Ctrl-C doesn't reach it, long before it could say so itself."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # started with the first child otherwise, it would lift the mask again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass
class _Child:
    process: BaseProcess
    connection: Connection
    task: Task | None = None
    is_over: bool = False  # the run of its task has ended; it is about to say so of the task

    @property
    def is_free(self) -> bool:
        """Whether it can take a task, now or in a moment."""
        return self.task is None or self.is_over


class ProcessExecutor:
    """An executor of child processes.

    Args:
        workers: how many run side by side; None chooses by :func:`default_workers`.
        log_folder: where each child's output goes, one file a child.
        yielding: whether other processes go first, so that a window stays smooth.
        device: what they compute on: auto, cpu or gpu:N.
    """

    def __init__(self, workers: int | None, log_folder: Path, *, yielding: bool = False, device: str = AUTO) -> None:
        self._workers = workers
        self._log_folder = log_folder
        self._children: list[_Child] = []
        # Of no process yet.
        self._settings = WorkerSettings(threads=0, log_file=log_folder, yielding=yielding, device=device)
        self._paused = False
        self._begin_held = 0  # runs that may begin while paused, each held after its first record

    def start(self, runs: int, threads: int | None = None) -> int:
        """Start as many children as a plan of ``runs`` runs needs, unless just those are there; they warm up."""
        self._paused, self._begin_held = False, 0
        cores = cpu_count() if threads is None else max(1, cpu_count() // threads)
        count = min(self._workers, runs) if self._workers else default_workers(runs, cores)
        self._start(count, threads or max(1, cpu_count() // count))
        for child in list(self._children):
            self._send(child, WarmUp())
        return count

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out all tasks; see :class:`~engine.executors.base.Executor`.

        A child that dies takes only its task with it, which ends as crashed; a new child takes its place.
        """
        if not self._children:
            self._start(1, threads=1)
        queue = deque(tasks)
        last: Control | None = None
        try:
            while queue or any(child.task for child in self._children):
                self._feed(queue)
                last = self._listen(queue, emit, control) or last
        except BaseException:
            self.close()  # nobody listens to the tasks under way any more
            raise
        return last

    def close(self) -> None:
        """Close every pipe, which ends the children; those that don't notice in time are killed."""
        for child in self._children:
            child.connection.close()
            if child.task is None:
                child.process.kill()  # has nothing to lose, and may be deep in an import
        for child in self._children:
            child.process.join(CLOSE_SECONDS)
            if child.process.is_alive():
                child.process.kill()
                child.process.join()
            child.process.close()
        self._children.clear()

    def _start(self, count: int, threads: int) -> None:
        settings = replace(self._settings, threads=threads)
        if settings == self._settings and len(self._children) == count:
            return
        self.close()
        self._settings = settings
        self._children = [self._spawn(position) for position in range(count)]

    def _spawn(self, position: int) -> _Child:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        settings = replace(self._settings, log_file=self._log_folder / f"worker-{position + 1}.log")
        process = context.Process(
            target=worker_main, args=(theirs, settings), name=f"trainscope-worker-{position + 1}", daemon=True
        )
        try:
            with suppress(OSError):  # it trains as well without a log
                self._log_folder.mkdir(parents=True, exist_ok=True)
            with _interrupts_held_back():
                process.start()
        except OSError as error:
            raise WorkerError(f"A training process can't be started ({error}); close other programs.") from None
        theirs.close()
        return _Child(process, ours)

    def _feed(self, queue: deque[Task]) -> None:
        """Give every child that has nothing to do a task."""
        for child in list(self._children):
            if child.task is not None or not queue or (self._paused and not self._begin_held):
                continue
            task = queue.popleft()
            reached = self._send(child, task)
            reached.task, reached.is_over = task, False
            if self._paused:
                self._begin_held -= 1
                self._tell(reached, Control.PAUSE)

    def _listen(self, queue: deque[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Wait until a child or the control channel has something to say, and act on it; gives what ends it all."""
        waited = [child.connection for child in self._children if child.task] + [control.connection]
        ready = wait(waited)
        for child in [child for child in self._children if child.connection in ready]:
            self._hear(child, emit)
        if control.connection not in ready or (command := control.poll()) is None:
            return None
        self._obey(command, queue, emit)
        return ending(command)

    def _obey(self, command: Command, queue: deque[Task], emit: Emit) -> None:
        match command:
            case Control() if command.ends:
                while queue:
                    emit(queue.popleft().failed(Status.CANCELLED, "Not started."))
            case Control.PAUSE | Control.RESUME:
                self._paused, self._begin_held = command is Control.PAUSE, 0
            case Control.STEP if self._paused:
                self._begin_held = sum(child.is_free for child in self._children)
            case SkipRun(run):
                for task in [task for task in queue if isinstance(task, TrainTask) and task.run == run]:
                    queue.remove(task)
                    emit(task.failed(Status.SKIPPED, "Skipped."))
        self._pass_on(command)

    def _send(self, child: _Child, message: Task | WarmUp) -> _Child:
        """Send to a child, or to its successor if it has died while it had nothing to do; gives the one reached."""
        try:
            child.connection.send(message)
        except OSError:
            child = self._replace(child)
            child.connection.send(message)
        return child

    def _hear(self, child: _Child, emit: Emit) -> None:
        """Pass on what a child has sent so far."""
        for _ in range(MESSAGES_A_LOOK):
            try:
                if not child.connection.poll():
                    return
                message = child.connection.recv()
            except (EOFError, OSError):
                self._mourn(child, emit)
                return
            if isinstance(message, TaskDone):
                child.task = None
            else:
                child.is_over = isinstance(message, RunFinished)
                emit(message)

    def _pass_on(self, command: Command) -> None:
        for child in self._children:
            if child.task is not None and concerns(command, child.task):
                self._tell(child, command)

    @staticmethod
    def _tell(child: _Child, command: Command) -> None:
        with suppress(OSError):  # it died; the next look at its pipe says so
            child.connection.send(command)

    def _mourn(self, child: _Child, emit: Emit) -> None:
        """Say of the task of a child that has died that it crashed, and why; put a new child in its place."""
        child.process.join(CLOSE_SECONDS)
        code = child.process.exitcode
        self._replace(child)
        how = f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        if child.task is not None:
            reason = f"The training process {how}; its log is in {self._log_folder}."
            emit(child.task.failed(Status.CRASHED, reason))

    def _replace(self, child: _Child) -> _Child:
        position = self._children.index(child)
        child.connection.close()
        if child.process.is_alive():
            child.process.kill()
        child.process.join()
        child.process.close()
        self._children[position] = self._spawn(position)
        return self._children[position]
