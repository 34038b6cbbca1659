"""Runs tasks in child processes, each with threads of its own, over pipes.

Children are spawned, so none inherits Qt or a half-used TensorFlow, and started warm: by the time a person presses Run
they have imported what they need.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

from engine.devices.cache import DeviceCache
from engine.devices.hardware import cpu_count
from engine.devices.names import AUTO
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SkipRun
from engine.events.runs import Status
from engine.events.tasks import Emit
from engine.executors.base import concerns, ending
from engine.executors.processes.child import END_SECONDS, Child, ChildLost
from engine.executors.processes.scratch_folder import sweep
from engine.executors.processes.watchdog import HANG_SECONDS
from engine.executors.processes.worker import WarmUp, WorkerSettings
from engine.executors.tasks import Task, TrainTask
from engine.utils.errors import WorkerError
from engine.utils.paths import devices_file

log = logging.getLogger(__name__)

MOST_WORKERS = 8

# Messages taken from one child before the others and the controls get their turn.
MESSAGES_A_LOOK = 100

# Children that may die one after the other in one place before they begin a task; then no more are started there.
MOST_DEATHS = 3


def default_workers(runs: int, cores: int) -> int:
    """How many processes give the most throughput for ``runs`` runs: one single-threaded process a core.

    Measured on two cores: two single-threaded processes finish 1.8 times as many runs of mlp_1 as one two-threaded
    process, 1.08 times as many of cnn_4. A single run gets all threads. Each process holds TensorFlow and the data,
    about a gigabyte with CIFAR-10, hence the cap.
    """
    return max(1, min(runs, cores, MOST_WORKERS))


class ProcessExecutor:
    """An executor of child processes.

    Args:
        workers: how many run side by side; None chooses by :func:`default_workers`.
        log_folder: where each child's output goes, one file a child.
        yielding: whether other processes go first, so that a window stays smooth.
        device: what they compute on: auto, cpu or the key of a GPU.
        hang_seconds: how long a training may neither say nor compute anything.
    """

    def __init__(
        self,
        workers: int | None,
        log_folder: Path,
        *,
        yielding: bool = False,
        device: str = AUTO,
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        self._workers = workers
        self._log_folder = log_folder
        self._hang_seconds = hang_seconds
        # Of no process yet.
        self._settings = WorkerSettings(0, log_folder, log_folder, yielding, device)
        self._places = 0  # for as many children
        self._children: list[Child] = []  # one a place, unless none lives there
        self._deaths: Counter[int] = Counter()  # by place: of children in a row that never began a task
        self._trouble = ""  # why no child lives in some place
        self._paused = False
        self._begin_held = 0  # runs that may begin while paused, each held after its first record
        self._cancelled = False  # all that is under way was asked to end without a result

    def start(self, runs: int, threads: int | None = None) -> int:
        """Start as many children as a plan of ``runs`` runs needs, unless just those are there; they warm up.

        Gives the number that could be started; raises :class:`~engine.utils.errors.WorkerError` where that is none.
        """
        self._paused, self._begin_held = False, 0
        cores = cpu_count() if threads is None else max(1, cpu_count() // threads)
        count = min(self._workers, runs) if self._workers else default_workers(runs, cores)
        self._settle(count, threads or max(1, cpu_count() // count))
        self._fill()
        if not self._children:
            raise WorkerError(self._trouble)
        for child in self._children:
            child.tell(WarmUp())
        return len(self._children)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Carry out all tasks; see :class:`~engine.executors.base.Executor`.

        A child that dies takes only its task with it, which ends as crashed, and a new child takes its place. A task
        that it had not begun is given to another. Where children die again and again before they begin any, or can't
        be started, the others go on; where none is left, all tasks that wait end as crashed.
        """
        if not self._places:
            self._settle(1, threads=1)
        queue = deque(tasks)
        last: Control | None = None
        self._cancelled = False
        self._deaths.clear()
        try:
            while queue or any(child.task for child in self._children):
                self._fill()
                if not self._children:
                    self._give_up(queue, emit)
                    break
                self._feed(queue)
                last = self._listen(queue, emit, control) or last
        except BaseException:
            self.close()  # nobody listens to the tasks under way any more
            raise
        return last

    def close(self) -> None:
        """Close every pipe, which ends the children; those that don't notice in time are killed."""
        for child in self._children:
            child.close()
        until = time.monotonic() + END_SECONDS
        for child in self._children:
            child.join(max(0.0, until - time.monotonic()))
        if any(child.has_begun and not child.is_over for child in self._children):
            DeviceCache(devices_file()).discard_pending()
        self._children.clear()
        self._places = 0

    def _settle(self, count: int, threads: int) -> None:
        """Make places for ``count`` children; those that live stay if nothing changes for them."""
        settings = replace(self._settings, threads=threads, side_by_side=count)
        if settings != self._settings or count != self._places:
            self.close()
        self._settings, self._places = settings, count
        self._deaths.clear()
        for child in [child for child in self._children if not child.is_alive]:
            child.join()
            self._children.remove(child)
        if not self._children:
            sweep()

    def _fill(self) -> None:
        """Start a child in every place where none lives, unless that has proved to be in vain."""
        taken = {child.position for child in self._children}
        for position in range(self._places):
            if position in taken or self._deaths[position] >= MOST_DEATHS:
                continue
            try:
                self._children.append(Child(position, self._settings, self._log_folder, self._hang_seconds))
            except WorkerError as error:
                log.info("no worker %d: %s", position + 1, error)
                self._deaths[position] = MOST_DEATHS
                self._trouble = str(error)

    def _give_up(self, queue: deque[Task], emit: Emit) -> None:
        while queue:
            emit(queue.popleft().failed(Status.CRASHED, self._trouble))

    def _feed(self, queue: deque[Task]) -> None:
        """Give every child that has nothing to do a task."""
        for child in self._children:
            if child.task is not None or not queue or (self._paused and not self._begin_held):
                continue
            try:
                child.give(queue[0])
            except OSError:  # it has died, which is noticed when it is listened to
                continue
            queue.popleft()
            if self._paused:
                self._begin_held -= 1
                child.tell(Control.PAUSE)

    def _listen(self, queue: deque[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Wait until a child or the control channel has something to say, and act on it; gives what ends it all."""
        looks = [child.look_seconds for child in self._children if child.look_seconds is not None]
        ready = wait([child.connection for child in self._children] + [control.connection], min(looks, default=None))
        for child in [child for child in self._children if child.connection in ready]:
            self._hear(child, queue, emit)
        for child in self._children:
            if child.stands_still():
                child.end_standstill()
        if control.connection not in ready or (command := control.poll()) is None:
            return None
        self._obey(command, queue, emit)
        return ending(command)

    def _obey(self, command: Command, queue: deque[Task], emit: Emit) -> None:
        match command:
            case Control.CANCEL | Control.SUSPEND if self._cancelled:
                status = Status.CANCELLED if command is Control.CANCEL else Status.INTERRUPTED
                for child in [child for child in self._children if not child.is_free]:
                    child.end(status, "It did not answer, so its process was ended.")
                return
            case Control() if command.ends:
                self._cancelled |= command is not Control.STOP
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
        for child in self._children:
            if child.task is not None and concerns(command, child.task):
                child.tell(command)

    def _hear(self, child: Child, queue: deque[Task], emit: Emit) -> None:
        """Pass on what a child has sent so far."""
        for _ in range(MESSAGES_A_LOOK):
            try:
                event = child.receive()
            except ChildLost:
                self._on_child_lost(child, queue, emit)
                return
            if event is None:
                return
            emit(event)

    def _on_child_lost(self, child: Child, queue: deque[Task], emit: Emit) -> None:
        """Clear away a child that has died; its task, unless that is over, ends with it or waits for another child."""
        status, reason = child.join()
        log.info("worker %d has ended: %s", child.position + 1, reason)
        self._children.remove(child)
        if child.has_worked:
            self._deaths[child.position] = 0
        else:
            self._deaths[child.position] += 1
            how = reason[0].lower() + reason[1:]
            self._trouble = (
                f"Training processes end before they can begin, {self._deaths[child.position]} in a row: {how}"
            )
        if child.task is None or child.is_over:
            return
        if child.asked_to_end:
            DeviceCache(devices_file()).discard_pending()
        if child.has_begun:
            emit(child.task.failed(status, reason))
        elif child.asked_to_end:
            emit(child.task.failed(*child.asked_to_end))
        else:
            queue.appendleft(child.task)
