"""How fast runs of the same work are trained, from the records that came so far."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from engine.events.durations import Span

NEWEST_INTERVALS = 300  # between records; many, as the machine's speed varies within minutes
# The first interval includes one-time costs: a step takes between this share of its time and slightly more than all.
FIRST_LOW, FIRST_HIGH = 0.2, 1.1
# Relative uncertainty of the mean over n intervals: DRIFT + OF_MEAN * deviation / sqrt(n) + OF_FEW / n. The drift is
# that of the machine's speed until the end of the experiment.
DRIFT, OF_MEAN, OF_FEW = 0.2, 2.0, 0.5


@dataclass
class Rate:
    """Seconds per step, records included; ``first`` is that of the first interval, until there are further ones."""

    first: float | None = None
    intervals: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=NEWEST_INTERVALS))

    def span(self, expected: Span | None) -> Span | None:
        """Return the range of seconds per step; None before the first record.

        Args:
            expected: the range judging by earlier experiments, which limits what few records leave open.
        """
        found = self._measured()
        if found is None or expected is None:
            return found
        both = Span(max(found.low, expected.low), min(found.high, expected.high))
        return both if both.low < both.high and len(self.intervals) < OF_FEW / DRIFT else found

    def _measured(self) -> Span | None:
        if not self.intervals:
            return None if self.first is None else Span(FIRST_LOW * self.first, FIRST_HIGH * self.first)
        count, total = len(self.intervals), sum(steps for steps, _ in self.intervals)
        mean = sum(seconds for _, seconds in self.intervals) / total
        variance = sum(steps * (seconds / steps - mean) ** 2 for steps, seconds in self.intervals) / total
        deviation = math.sqrt(variance) / mean if mean else 0.0
        return Span(mean, mean).widened(1 + DRIFT + OF_MEAN * deviation / math.sqrt(count) + OF_FEW / count)
