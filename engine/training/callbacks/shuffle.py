"""Shuffles the training images at the start of every epoch."""

from __future__ import annotations

import keras
import numpy as np


class ShuffleOrder(keras.callbacks.Callback):
    """Gives each epoch an order of its own, fixed by the run's seed and the epoch's number alone.

    An epoch's order doesn't depend on the epochs before it, so training can start again at any epoch and see the same
    batches.

    Args:
        seed: the run's seed.
        count: number of training images.
    """

    def __init__(self, seed: int, count: int) -> None:
        super().__init__()
        self._seed, self._count = seed, count

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Hand the model the order of ``epoch`` (counted from 0)."""
        generator = np.random.default_rng([self._seed, epoch])
        self.model.begin_epoch(epoch, generator.permutation(self._count).astype(np.int32))
