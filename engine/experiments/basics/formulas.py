"""The basic concepts as formulas: cross-entropy, its gradient at the logits, batches and iterations.

They are part 1 of the course homework (METU EE449, Homework 1, 2023). Softmax, cross-entropy and their gradient are
those of Goodfellow, Bengio and Courville, "Deep Learning" (2016), sections 6.2.2.3 and 5.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.utils.arrays import Array


def softmax(logits: Array) -> Array:
    """p_i = exp(z_i) / sum_k exp(z_k): probabilities, float64 [classes], of finite ``logits`` [classes]."""
    values = np.asarray(logits, np.float64)
    return np.asarray(np.exp(values - np.logaddexp.reduce(values)))


def cross_entropy(probability: float) -> float:
    """The loss in nats where the true class was given ``probability``, 0 to 1; infinite at 0.

    L = -sum_k y_k ln p_k, where y is 1 for the true class and 0 for every other, so -ln p of the true class.
    """
    return -math.log(probability) if probability > 0 else math.inf


def cross_entropy_of_logits(logits: Array, true_class: int) -> float:
    """The loss in nats from ``logits`` [classes]: ln sum_k exp(z_k) - z_true, finite however small p_true is."""
    values = np.asarray(logits, np.float64)
    return float(np.logaddexp.reduce(values) - values[true_class])


def gradient_at_logits(logits: Array, true_class: int) -> Array:
    """dL/dz = p - y, float64 [classes]: softmax of ``logits`` [classes], less 1 at the true class."""
    gradient = softmax(logits)
    gradient[true_class] -= 1
    return gradient


@dataclass(frozen=True)
class Batches:
    """``images`` N in batches of ``batch_size`` B, for ``epochs`` E; all at least 1."""

    images: int
    batch_size: int
    epochs: int

    @property
    def per_epoch(self) -> int:
        """ceil(N / B): N / B where it divides, one more for what is left over where not."""
        return -(-self.images // self.batch_size)

    @property
    def last_size(self) -> int:
        """N - (ceil(N / B) - 1) B: how many images the last batch of an epoch has, 1 to B."""
        return self.images - (self.per_epoch - 1) * self.batch_size

    @property
    def iterations(self) -> int:
        """ceil(N / B) E: optimiser steps in the whole training."""
        return self.per_epoch * self.epochs
