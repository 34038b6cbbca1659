"""Shuffles the training images at the start of every epoch."""

from __future__ import annotations

import keras
import numpy as np


class ShuffleOrder(keras.callbacks.Callback):
    """Gives each epoch an order that depends only on the run's seed and the epoch's number.

    It doesn't depend on earlier epochs, so training can resume at any epoch and see the same batches.

    Args:
        seed: the run's seed.
        count: number of training images.
    """

    def __init__(self, seed: int, count: int) -> None:
        super().__init__()
        self._seed, self._count = seed, count

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Set the model's order for ``epoch`` (from 0)."""
        generator = np.random.default_rng([self._seed, epoch])
        self.model.begin_epoch(epoch, generator.permutation(self._count).astype(np.int32))
