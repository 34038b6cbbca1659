"""Executes tasks in child processes, each with its own threads, over pipes.

Children are spawned, so none inherits Qt or an initialised TensorFlow, and warmed up: by the time the user presses Run,
they have imported their libraries.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path

from engine.devices.cache import DeviceCache
from engine.devices.calibration import CONVOLUTIONAL, DENSE, likely_library, read_calibration
from engine.devices.hardware import cpu_count
from engine.devices.names import AUTO, CPU, Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control, SkipRun
from engine.events.devices import MachineCalibrated
from engine.events.runs import Status
from engine.events.tasks import Emit
from engine.executors.base import concerns, ending_control
from engine.executors.libraries import deciding_kind, library_for
from engine.executors.processes.calibration import calibrate
from engine.executors.processes.child import END_SECONDS, Child, ChildLost
from engine.executors.processes.scratch_folder import ScratchFolder, remove_orphaned_folders
from engine.executors.processes.watchdog import HANG_SECONDS
from engine.executors.processes.worker import WarmUp, WorkerSettings
from engine.executors.tasks import CalibrateMachineTask, Task, TrainTask
from engine.utils.errors import WorkerError
from engine.utils.paths import devices_file

log = logging.getLogger(__name__)

MAX_WORKERS = 8
MESSAGES_PER_TURN = 100  # read from one child before the others and the commands
MAX_DEATHS = 3  # consecutive children of a slot that die before they begin a task; then no more are started in it


def default_workers(runs: int, cores: int) -> int:
    """Return the number of processes with the highest throughput: one single-threaded process per core.

    Measured on two cores: two single-threaded processes finish 1.8 times as many runs of mlp_1 as one two-threaded
    process, 1.08 times as many of cnn_4. A single run gets all threads. Each process holds TensorFlow and the data,
    about a gigabyte with CIFAR-10, hence the maximum.
    """
    return max(1, min(runs, cores, MAX_WORKERS))


class ProcessExecutor:
    """An executor of child processes.

    Args:
        workers: number of children; None for ``default_workers``.
        log_folder: for the children's logs, one file per child.
        low_priority: whether other processes get the processor first, so that a window stays responsive.
        device: auto, cpu or the key of a GPU.
        library: with which the children compute; empty to choose by measurement.
        hang_seconds: how long a training may neither send nor compute anything.
    """

    def __init__(
        self,
        workers: int | None,
        log_folder: Path,
        *,
        low_priority: bool = False,
        device: str = AUTO,
        library: str = "",
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        self._workers = workers
        self._log_folder = log_folder
        self._hang_seconds = hang_seconds
        self._settings = WorkerSettings(0, log_folder, log_folder, low_priority, device, library)
        self._library = library
        self._devices = DeviceCache(devices_file())
        self._images: ScratchFolder | None = None  # what the children prepare for one another
        self._slots = 0  # maximum number of children
        self._children: list[Child] = []  # at most one per slot
        self._deaths: Counter[int] = Counter()  # by slot: consecutive children that never began a task
        self._failure = ""  # why a slot is empty
        self._paused = False
        self._paused_starts = 0  # number of runs that may start while paused, each to be paused after its first record
        self._cancelled = False  # all running tasks were requested to end without a result

    def start(self, runs: int, threads: int | None = None) -> int:
        """Start and warm up the children that ``runs`` runs need, unless they are running; see ``Executor``.

        Returns:
            The number of children.

        Raises:
            WorkerError: if none can be started.
        """
        self._paused, self._paused_starts = False, 0
        allocated = self.allocation(runs, threads)
        self._resize(allocated.processes, allocated.threads, self._library or self._likely_library())
        self._start_missing()
        if not self._children:
            raise WorkerError(self._failure)
        for child in self._children:
            child.send(WarmUp())
        return len(self._children)

    def allocation(self, runs: int, threads: int | None = None) -> Allocation:
        """Return the number of children and threads for a plan; see ``Executor``."""
        cores = cpu_count() if threads is None else max(1, cpu_count() // threads)
        count = min(self._workers, runs) if self._workers else default_workers(runs, cores)
        return Allocation(count, threads or max(1, cpu_count() // count), self._settings.device)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Execute all tasks; see ``Executor``.

        If a child dies, only its task ends as crashed, and the child is replaced. A task that it had not begun is
        assigned to another child. A slot whose children die repeatedly before they begin a task, or can't be started,
        stays empty; if all slots are empty, the remaining tasks end as crashed.
        """
        if not self._slots:
            self._resize(1, 1, self._library or self._likely_library())
        queue: deque[Task] = deque(task for task in tasks if not isinstance(task, CalibrateMachineTask))
        calibrates = len(queue) < len(tasks)
        self._cancelled = False
        self._deaths.clear()
        try:
            last = self._choose_library(queue, emit, control)
            if calibrates and last is None:
                self._calibrate_machine(emit, control)
            while queue or any(child.task for child in self._children):
                self._start_missing()
                if not self._children:
                    self._fail_all(queue, emit)
                    break
                self._assign_tasks(queue)
                last = self._process_messages(queue, emit, control) or last
        except BaseException:
            self.close()  # nothing reads the events of the running tasks any more
            raise
        return last

    def close(self) -> None:
        """Close every pipe, which ends the children; those that don't end in time are killed."""
        self._end_children()
        if self._images is not None:
            self._images.remove()
            self._images = None

    def _end_children(self) -> None:
        for child in self._children:
            child.close()
        deadline = time.monotonic() + END_SECONDS
        for child in self._children:
            child.join(max(0.0, deadline - time.monotonic()))
        if any(child.has_begun and not child.is_over for child in self._children):
            self._devices.discard_pending()
        self._children.clear()
        self._slots = 0

    def _likely_library(self) -> str:
        """The library of the present children, else the one that the next task most likely needs."""
        return self._settings.library if self._children else likely_library(self._devices)

    def _choose_library(self, queue: deque[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Have the children compute with the library for the queued runs, which may first have to be measured.

        Returns:
            The last control received meanwhile that ends trainings.
        """
        kind = deciding_kind([task.spec for task in queue if isinstance(task, TrainTask)])
        if self._library or not kind:
            return None
        commands: list[Command] = []
        library = library_for(queue, read_calibration(self._devices))
        if not library and self._settings.device in (AUTO, CPU):
            commands = calibrate([kind], self._devices, self._with_library, emit, control)
            library = library_for(queue, read_calibration(self._devices))
        if library and library != self._settings.library:
            self._resize(self._slots, self._settings.threads, library)
        last: Control | None = None
        for command in commands:
            self._handle(command, queue, emit)
            last = ending_control(command) or last
        return last

    def _calibrate_machine(self, emit: Emit, control: ControlChannel) -> None:
        kinds = (CONVOLUTIONAL, DENSE)
        commands = calibrate(kinds, self._devices, self._with_library, emit, control)
        known = read_calibration(self._devices)
        if all(known.library(kind) for kind in kinds):
            emit(MachineCalibrated())
        else:
            status = Status.CANCELLED if commands else Status.FAILED
            emit(CalibrateMachineTask().failed(status, "How fast this machine trains could not be measured."))

    def _with_library(self, library: str) -> ProcessExecutor:
        """Return another executor of one child that computes with ``library`` on the processor."""
        low_priority = self._settings.low_priority
        folder = self._log_folder / "calibration"
        return ProcessExecutor(1, folder, low_priority=low_priority, device=CPU, library=library)

    def _resize(self, count: int, threads: int, library: str) -> None:
        """Provide slots for ``count`` children; running children are kept if their settings don't change."""
        settings = replace(self._settings, threads=threads, processes=count, library=library)
        if settings != self._settings or count != self._slots:
            self._end_children()  # what they prepared stays for the next ones
        self._settings, self._slots = settings, count
        self._deaths.clear()
        for child in [child for child in self._children if not child.is_alive]:
            child.join()
            self._children.remove(child)
        if not self._children:
            remove_orphaned_folders()

    def _start_missing(self) -> None:
        """Start a child in every empty slot, unless the slot has failed."""
        taken = {child.slot for child in self._children}
        for slot in range(self._slots):
            if slot in taken or self._deaths[slot] >= MAX_DEATHS:
                continue
            try:
                settings = replace(self._settings, image_folder=self._image_folder())
                self._children.append(Child(slot, settings, self._log_folder, self._hang_seconds))
            except WorkerError as error:
                log.info("no worker %d: %s", slot + 1, error)
                self._deaths[slot] = MAX_DEATHS
                self._failure = str(error)

    def _image_folder(self) -> Path | None:
        if self._images is None:
            with suppress(OSError):  # then each child holds images of its own
                self._images = ScratchFolder()
        return self._images.path if self._images is not None else None

    def _fail_all(self, queue: deque[Task], emit: Emit) -> None:
        while queue:
            emit(queue.popleft().failed(Status.CRASHED, self._failure))

    def _assign_tasks(self, queue: deque[Task]) -> None:
        """Assign a task to every idle child."""
        for child in self._children:
            if child.task is not None or not queue or (self._paused and not self._paused_starts):
                continue
            try:
                child.assign(queue[0])
            except OSError:  # it has died, which reading its messages will show
                continue
            queue.popleft()
            if self._paused:
                self._paused_starts -= 1
                child.send(Control.PAUSE)

    def _process_messages(self, queue: deque[Task], emit: Emit, control: ControlChannel) -> Control | None:
        """Wait for messages or commands and handle them; return a control that ends trainings."""
        intervals = [child.poll_seconds for child in self._children if child.poll_seconds is not None]
        ready = wait(
            [child.connection for child in self._children] + [control.connection], min(intervals, default=None)
        )
        for child in [child for child in self._children if child.connection in ready]:
            self._forward_events(child, queue, emit)
        for child in self._children:
            if child.hangs():
                child.kill_hung()
        if control.connection not in ready or (command := control.poll()) is None:
            return None
        self._handle(command, queue, emit)
        return ending_control(command)

    def _handle(self, command: Command, queue: deque[Task], emit: Emit) -> None:
        match command:
            case Control.CANCEL | Control.SUSPEND if self._cancelled:
                status = Status.CANCELLED if command is Control.CANCEL else Status.INTERRUPTED
                for child in [child for child in self._children if not child.is_free]:
                    child.kill(status, "It did not answer, so its process was ended.")
                return
            case Control() if command.ends:
                self._cancelled |= command is not Control.STOP
                while queue:
                    emit(queue.popleft().failed(Status.CANCELLED, "Not started."))
            case Control.PAUSE | Control.RESUME:
                self._paused, self._paused_starts = command is Control.PAUSE, 0
            case Control.STEP if self._paused:
                self._paused_starts = sum(child.is_free for child in self._children)
            case SkipRun(run):
                for task in [task for task in queue if isinstance(task, TrainTask) and task.run == run]:
                    queue.remove(task)
                    emit(task.failed(Status.SKIPPED, "Skipped."))
        for child in self._children:
            if child.task is not None and concerns(command, child.task):
                child.send(command)

    def _forward_events(self, child: Child, queue: deque[Task], emit: Emit) -> None:
        """Emit the events that a child has sent so far."""
        for _ in range(MESSAGES_PER_TURN):
            try:
                event = child.receive()
            except ChildLost:
                self._on_child_lost(child, queue, emit)
                return
            if event is None:
                return
            emit(event)

    def _on_child_lost(self, child: Child, queue: deque[Task], emit: Emit) -> None:
        """Remove a child that has died; its task, unless it is over, ends with it or is queued again."""
        status, reason = child.join()
        log.info("worker %d has ended: %s", child.slot + 1, reason)
        self._children.remove(child)
        if child.has_ever_begun:
            self._deaths[child.slot] = 0
        else:
            self._deaths[child.slot] += 1
            how = reason[0].lower() + reason[1:]
            self._failure = f"Training processes end before they can begin, {self._deaths[child.slot]} in a row: {how}"
        if child.task is None or child.is_over:
            return
        if child.requested_end:
            self._devices.discard_pending()
        if child.has_begun:
            emit(child.task.failed(status, reason))
        elif child.requested_end:
            emit(child.task.failed(*child.requested_end))
        else:
            queue.appendleft(child.task)
