"""Wall-clock time that never jumps: ``time.time()`` at start, advanced by ``time.monotonic()``."""

from __future__ import annotations

import time


class SteadyClock:
    """Seconds since 1970 that never decrease.

    The system clock can be set during an experiment, by hand or by NTP; durations computed from it would then be wrong
    by hours or negative. This clock may not advance while the computer sleeps.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the current time in seconds since 1970, never less than a value returned before."""
        return self._offset + time.monotonic()
