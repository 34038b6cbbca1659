"""Notices a process that has come to a standstill: deadlocked, or stopped by somebody."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

# A child that says nothing for so long has also computed nothing, or it is left alone: one compiled call may take
# hours where records are far apart.
HANG_SECONDS = 120.0

LEAST_SHARE = 0.01  # of one core; a process that computes less than that does nothing

# No look counts for more than twice that, so that a computer that slept, or a parent that was stopped itself, makes no
# child guilty.
SECONDS_A_LOOK = 2.5


class StandstillWatch:
    """Looks at one process, again and again.

    Args:
        pid: the process. It has no processes of its own; its threads count as it.
        seconds: how long it may neither say nor compute anything.
        clock: seconds, monotonic; replaced in tests.
        processor_seconds: how long the process of that number has computed; replaced in tests.
    """

    def __init__(
        self,
        pid: int,
        seconds: float = HANG_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        processor_seconds: Callable[[int], float | None] | None = None,
    ) -> None:
        self._pid, self._seconds, self._clock = pid, seconds, clock
        self._processor_seconds = processor_seconds or _processor_seconds
        self.look_seconds = min(SECONDS_A_LOOK, seconds / 8)
        self._silent = 0.0  # seconds in which it has done nothing
        self._looked = clock()
        self._computed: float | None = None  # its processor time when that silence began, once it was looked at

    def heard(self) -> None:
        """It gave a sign of life."""
        self._silent, self._computed = 0.0, None
        self._looked = self._clock()

    def look(self) -> bool:
        """Whether it stands still; to be asked every ``look_seconds``, more often does no harm."""
        now = self._clock()
        if now - self._looked < self.look_seconds:
            return False
        passed, self._looked = min(now - self._looked, 2 * self.look_seconds), now
        computed = self._processor_seconds(self._pid)
        if computed is None:  # it has ended, which is noticed elsewhere
            return False
        if self._computed is None or computed - self._computed >= LEAST_SHARE * self._seconds:
            self._silent, self._computed = 0.0, computed
            return False
        self._silent += passed
        return self._silent >= self._seconds


def _processor_seconds(pid: int) -> float | None:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)
