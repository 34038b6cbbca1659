"""The time of day for one experiment, at which nobody turns the hands."""

from __future__ import annotations

import time


class SteadyClock:
    """The time of day (seconds since 1970) as it is now, moved on by a clock that only ever goes forward.

    The system's own can be set while an experiment is under way, by hand or by the network; what was recorded then
    would have taken a year, or less than no time. While the computer sleeps, this one may stand still.
    """

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def now(self) -> float:
        """The time; never less than what was given before."""
        return self._ahead + time.monotonic()
