"""What the machine reaches at the moment: the yardstick of all times, and how steady it is."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

SIDE = 2048  # of the matrices
NOISY = 0.15  # spread of the readings, from which on the machine is called noisy


class Yardstick:
    """Rate of a float32 matrix product on all cores, looked at again and again between the rounds."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self._a, self._b = (generator.normal(size=(SIDE, SIDE)).astype(np.float32) for _ in range(2))
        self._a @ self._b  # threads start
        self.readings: list[float] = []

    def look(self) -> None:
        """Take a reading, operations per second: the best of three, as nothing makes it faster than it is."""
        times = []
        for _ in range(3):
            begin = time.perf_counter()
            self._a @ self._b
            times.append(time.perf_counter() - begin)
        self.readings.append(2 * SIDE**3 / min(times))

    @property
    def peak(self) -> float:
        """The best reading, operations per second."""
        return max(self.readings)

    @property
    def spread(self) -> float:
        """How far the readings lie apart, as a share of their median."""
        return (max(self.readings) - min(self.readings)) / median(self.readings)
