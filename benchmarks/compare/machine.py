"""The machine's current speed, the yardstick of all times, and its variation."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

SIDE = 2048  # side of the matrices
NOISY = 0.15  # spread above which the machine is reported as noisy


class Yardstick:
    """Rate of a float32 matrix product on all cores, measured repeatedly between the rounds."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self._a, self._b = (generator.normal(size=(SIDE, SIDE)).astype(np.float32) for _ in range(2))
        self._a @ self._b  # warm-up: starts threads
        self.readings: list[float] = []

    def look(self) -> None:
        """Take a reading in operations per second: the best of three, since disturbances only slow it down."""
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            self._a @ self._b
            times.append(time.perf_counter() - begin)
        self.readings.append(2 * SIDE**3 / min(times))

    @property
    def peak(self) -> float:
        """Return the best reading in operations per second."""
        return max(self.readings)

    @property
    def spread(self) -> float:
        """Return the range of the readings relative to their median."""
        return (max(self.readings) - min(self.readings)) / median(self.readings)
