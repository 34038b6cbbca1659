"""Formulas of the basic concepts: cross-entropy, its gradient at the logits, batches and iterations.

They belong to part 1 of the course homework (METU EE449, Homework 1, 2023). Softmax, cross-entropy and their gradient
follow Goodfellow, Bengio and Courville, "Deep Learning" (2016), sections 6.2.2.3 and 5.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.utils.arrays import Array


def softmax(logits: Array) -> Array:
    """Compute p_i = exp(z_i) / sum_k exp(z_k): float64 [classes], from finite ``logits`` [classes]."""
    values = np.asarray(logits, np.float64)
    return np.asarray(np.exp(values - np.logaddexp.reduce(values)))


def cross_entropy(probability: float) -> float:
    """Compute the loss in nats from the probability of the true class, 0 to 1; infinite at 0.

    L = -sum_k y_k ln p_k, where y is 1 for the true class and 0 for every other, hence -ln p of the true class.
    """
    return -math.log(probability) if probability > 0 else math.inf


def cross_entropy_of_logits(logits: Array, true_class: int) -> float:
    """Compute the loss in nats from ``logits`` [classes]: ln sum_k exp(z_k) - z_true, finite for any p_true."""
    values = np.asarray(logits, np.float64)
    return float(np.logaddexp.reduce(values) - values[true_class])


def gradient_at_logits(logits: Array, true_class: int) -> Array:
    """Compute dL/dz = p - y, float64 [classes]: softmax of ``logits`` [classes], minus 1 at the true class."""
    gradient = softmax(logits)
    gradient[true_class] -= 1
    return gradient


@dataclass(frozen=True)
class Batches:
    """Training on ``images`` N in batches of ``batch_size`` B for ``epochs`` E; all at least 1."""

    images: int
    batch_size: int
    epochs: int

    @property
    def per_epoch(self) -> int:
        """Batches per epoch, ceil(N / B)."""
        return -(-self.images // self.batch_size)

    @property
    def last_size(self) -> int:
        """Images in the last batch of an epoch, N - (ceil(N / B) - 1) B, from 1 to B."""
        return self.images - (self.per_epoch - 1) * self.batch_size

    @property
    def iterations(self) -> int:
        """Optimiser steps of the whole training, ceil(N / B) E."""
        return self.per_epoch * self.epochs
