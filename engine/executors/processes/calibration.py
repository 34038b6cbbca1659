"""Measurement of the reference times of this machine, with a process for each library."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
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

ROUNDS = 2  # of which the faster one counts, as disturbances only slow it down
CLEAR = 1.3  # ratio of two libraries' times that no second round would reverse


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
    done, total = 0, len(kinds) * ROUNDS * len(LIBRARIES)
    with ExitStack() as stack:
        executors = {library: make_executor(library) for library in LIBRARIES}
        for executor in executors.values():
            stack.callback(executor.close)
            executor.start(1, threads=1)
        for kind in kinds:
            found: dict[str, list[PartTimes]] = defaultdict(list)
            for _ in range(ROUNDS):
                for library, executor in executors.items():
                    emit(Progress(f"Measuring this processor with {library} and {kind} networks, once", done, total))
                    used, times = _reference_times(kind, library, executor, commands)
                    found[used].append(times)
                    done += 1
                seconds = sorted(seconds_per_step(rounds[0]) for rounds in found.values())
                if seconds[-1] > CLEAR * seconds[0]:
                    break
            for library, rounds in found.items():
                log.info("%s, %s: %s", kind, library, rounds)
                cache.store_part_times(machine(), kind, library, min(rounds, key=seconds_per_step))


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
