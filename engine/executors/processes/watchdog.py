"""Detection of hung processes: deadlocked or stopped from outside."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

# A silent child counts as hung only if it has not computed either: a compiled call may take hours if records are far
# apart.
HANG_SECONDS = 120.0
MIN_CPU_SHARE = 0.01  # of one core; a process below it is inactive
POLL_SECONDS = 2.5


class Watchdog:
    """Detects whether one process hangs.

    Args:
        pid: the process, which has no children of its own; its threads are included.
        seconds: how long it may neither send anything nor compute.
        clock: seconds, monotonic; replaced in tests.
        cpu_seconds: processor time of a process by its number; replaced in tests.
    """

    def __init__(
        self,
        pid: int,
        seconds: float = HANG_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        cpu_seconds: Callable[[int], float | None] | None = None,
    ) -> None:
        self._pid, self._seconds, self._clock = pid, seconds, clock
        self._cpu_seconds = cpu_seconds or _cpu_seconds
        self.poll_seconds = min(POLL_SECONDS, seconds / 8)
        self._inactive = 0.0  # seconds
        self._checked_at = clock()
        self._cpu_at_start: float | None = None  # processor time when the inactivity began, once it was measured

    def reset(self) -> None:
        """Start again after a message from the process."""
        self._inactive, self._cpu_at_start = 0.0, None
        self._checked_at = self._clock()

    def check(self) -> bool:
        """Return whether the process hangs; to be called every ``poll_seconds`` or more often."""
        now = self._clock()
        if now - self._checked_at < self.poll_seconds:
            return False
        # Each interval is capped so that the time in which the computer slept, or this process was stopped, is not
        # counted as inactivity of the child.
        passed, self._checked_at = min(now - self._checked_at, 2 * self.poll_seconds), now
        cpu = self._cpu_seconds(self._pid)
        if cpu is None:  # it has ended, which its pipe shows
            return False
        if self._cpu_at_start is None or cpu - self._cpu_at_start >= MIN_CPU_SHARE * self._seconds:
            self._inactive, self._cpu_at_start = 0.0, cpu
            return False
        self._inactive += passed
        return self._inactive >= self._seconds


def _cpu_seconds(pid: int) -> float | None:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return None
    return float(times.user + times.system)
