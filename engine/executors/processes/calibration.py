"""Measurement of the reference times of this machine, with a process for each library."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from engine.devices.cache import DeviceCache, PartTimes
from engine.devices.calibration import machine, read_calibration, seconds_per_step
from engine.devices.libraries import LIBRARIES
from engine.events.channel import ControlChannel
from engine.events.commands import Command, Control
from engine.events.devices import Calibrated
from engine.events.tasks import Emit, Event, Progress, TaskFailed
from engine.executors.base import Executor
from engine.executors.tasks import CalibrateTask
from engine.utils.errors import Cancelled, WorkerError

log = logging.getLogger(__name__)

# The fastest round counts, as disturbances only slow it down, except the first, which includes one-time costs.
FEW_ROUNDS, MANY_ROUNDS = 1 + 2, 1 + 4
MAX_FAILURES = 2  # of a library, as one may have another cause
CLOSE = 1.2  # ratio of two libraries' times below which many rounds are taken


class KeptCommands(ControlChannel):
    """The commands that arrive during a calibration, kept for what comes after it.

    One that ends trainings ends the calibration at once: its processes are killed, as they hold nothing of value.
    """

    def __init__(self, source: ControlChannel) -> None:
        self._source, self.kept = source, list[Command]()
        self.connection = source.connection
        self._must_kill = False  # the executor, after it was cancelled, is about to read the cancel sent here

    @property
    def has_ended(self) -> bool:
        """Whether a command has ended the calibration."""
        return any(isinstance(command, Control) and command.ends for command in self.kept)

    def poll(self, *, wait: bool = False) -> Command | None:
        """Return a cancel for the executor that measures if the next command ends the calibration, else None."""
        command = self._source.poll(wait=wait)
        if command is None:
            return None
        if self._must_kill and command is Control.CANCEL:
            self._must_kill = False
            return command
        self.kept.append(command)
        if not (isinstance(command, Control) and command.ends):
            return None
        self._source.send(Control.CANCEL)  # on the second one, an executor kills what has not responded
        self._must_kill = True
        return Control.CANCEL

    def check_cancelled(self) -> None:
        """Read the commands sent so far.

        Raises:
            Cancelled: if one of them ends the calibration, or one before did.
        """
        while self.connection.poll():
            self.poll()
        if self.has_ended:
            raise Cancelled("Cancelled before it began.")


def calibrate(
    kinds: Sequence[str],
    cache: DeviceCache,
    make_executor: Callable[[str], Executor],
    emit: Emit,
    control: ControlChannel,
) -> list[Command]:
    """Measure the reference times of ``kinds`` that are not in ``cache`` yet.

    Processes with each library take turns, so that what disturbs the machine disturbs all of them.

    Args:
        kinds: kinds of work, see ``engine.devices.calibration``.
        cache: where the times are read and stored.
        make_executor: makes an executor whose process computes with a library.
        emit: receives progress.
        control: a command that ends trainings ends the measurement, of which nothing is kept then.

    Returns:
        All commands received.
    """
    commands = KeptCommands(control)
    try:
        with cache.locked(commands.check_cancelled):
            known = read_calibration(cache).times  # another process may have measured meanwhile
            if missing := [kind for kind in kinds if kind not in known]:
                _measure(missing, cache, make_executor, emit, commands)
    except (Cancelled, WorkerError) as error:
        log.info("not calibrated: %s", error)
    return commands.kept


def _measure(
    kinds: Sequence[str],
    cache: DeviceCache,
    make_executor: Callable[[str], Executor],
    emit: Emit,
    commands: KeptCommands,
) -> None:
    with ExitStack() as stack:
        executors = {library: make_executor(library) for library in LIBRARIES}
        for executor in executors.values():
            stack.callback(executor.close)
            executor.start(1, threads=1)
        for number, kind in enumerate(kinds):
            emit(Progress(f"Measuring which library computes {kind} networks faster here, once", number, len(kinds)))
            found = _in_turns(kind, executors, commands)
            log.info("%s: %s", kind, found)
            cache.store_part_times(machine(), kind, found)


def _in_turns(kind: str, executors: Mapping[str, Executor], commands: KeptCommands) -> dict[str, PartTimes]:
    """Return the times of ``kind`` by library, without those that failed twice."""
    rounds: dict[str, list[PartTimes]] = defaultdict(list)
    failures: Counter[str] = Counter()
    best: dict[str, PartTimes] = {}
    for number in range(MANY_ROUNDS):
        for library, executor in executors.items():
            if failures[library] == MAX_FAILURES:
                continue
            found = _reference_times(kind, executor, commands)
            if found is None:
                failures[library] += 1
            elif number > 0:
                rounds[found.library].append(PartTimes(found.step, found.validation, found.compilation))
        best = {library: min(times, key=seconds_per_step) for library, times in rounds.items()}
        seconds = sorted(map(seconds_per_step, best.values()))
        if number + 1 >= FEW_ROUNDS and seconds and seconds[-1] > CLOSE * seconds[0]:
            break
    return best


def _reference_times(kind: str, executor: Executor, commands: KeptCommands) -> Calibrated | None:
    """Return what the process of an executor measures; None if it fails.

    Raises:
        Cancelled: if a command ended it.
    """
    events: list[Event] = []
    executor.run([CalibrateTask(kind)], events.append, commands)
    commands.check_cancelled()
    for event in events:
        match event:
            case Calibrated():
                return event
            case TaskFailed(reason):
                log.info("%s networks can't be measured: %s", kind, reason)
    return None
