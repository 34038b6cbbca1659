"""Measurement of the reference times of this machine, with a process for each library."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
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
CLOSE = 1.2  # ratio of two libraries' times below which many rounds are taken


class KeptCommands(ControlChannel):
    """The commands that arrive during a calibration, kept for what comes after it; one that ends it is obeyed, too."""

    def __init__(self, source: ControlChannel) -> None:
        self._source, self.kept = source, list[Command]()
        self.connection = source.connection

    def poll(self, *, wait: bool = False) -> Command | None:
        """Return the oldest unread command if it ends the calibration; see ``ControlChannel``."""
        command = self._source.poll(wait=wait)
        if command is not None:
            self.kept.append(command)
        return Control.CANCEL if isinstance(command, Control) and command.ends else None

    def check_cancelled(self) -> None:
        """Read the commands sent so far.

        Raises:
            Cancelled: if one of them ends the calibration.
        """
        while self.connection.poll():
            if self.poll() is not None:
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
            for library, times in _in_turns(kind, executors, commands).items():
                log.info("%s, %s: %s", kind, library, times)
                cache.store_part_times(machine(), kind, library, times)


def _in_turns(kind: str, executors: Mapping[str, Executor], commands: KeptCommands) -> dict[str, PartTimes]:
    """Return the times of ``kind`` by library."""
    rounds: dict[str, list[PartTimes]] = defaultdict(list)
    best: dict[str, PartTimes] = {}
    for number in range(MANY_ROUNDS):
        for library, executor in executors.items():
            used, times = _reference_times(kind, library, executor, commands)
            if number > 0 or not math.isfinite(times.step):
                rounds[used].append(times)
        best = {library: min(times, key=seconds_per_step) for library, times in rounds.items()}
        seconds = sorted(map(seconds_per_step, best.values()))
        if number + 1 >= FEW_ROUNDS and seconds[-1] > CLOSE * seconds[0]:
            break
    return best


def _reference_times(kind: str, library: str, executor: Executor, commands: KeptCommands) -> tuple[str, PartTimes]:
    """Return the library with which an executor computes, and its times; infinite ones if it fails.

    Raises:
        Cancelled: if a command ended it.
    """
    events: list[Event] = []
    executor.run([CalibrateTask(kind)], events.append, commands)
    commands.check_cancelled()
    for event in events:
        match event:
            case Calibrated():
                return event.library, PartTimes(event.step, event.validation)
            case TaskFailed(reason, cancelled):
                if cancelled:
                    raise Cancelled(reason)
                log.info("%s fails with %s: %s", kind, library, reason)
    return library, PartTimes(math.inf, math.inf)
