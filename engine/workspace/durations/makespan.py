"""Time until the last of several runs has ended that are trained in parallel."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence


def makespan(durations: Iterable[float], workers: int, busy: Sequence[float] = ()) -> float:
    """Return the seconds until the last run ends, if each begins as soon as a worker is free, in their order.

    Args:
        durations: seconds of the runs that have not begun.
        workers: number of runs that are trained at the same time.
        busy: seconds until each of the running ones ends.
    """
    free = [*busy, *[0.0] * (workers - len(busy))]
    heapq.heapify(free)
    for seconds in durations:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free, default=0.0)
