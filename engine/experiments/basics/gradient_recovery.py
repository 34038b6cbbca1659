"""Recovery of the gradient from two successive weights, compared with the gradient computed by the framework.

Plain SGD sets w_{k+1} = w_k - rate g_k, so g_k = (w_k - w_{k+1}) / rate (METU EE449, Homework 1, 2023, part 1). Other
optimisers step in another direction: momentum along a weighted sum of all gradients so far, Adam along a gradient
rescaled per weight. The formula then does not give the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from engine.config.specs import NetworkSpec
from engine.datasets import PreparedData
from engine.networks.architectures import build_network
from engine.utils.arrays import Array
from engine.utils.errors import SpecError

PLAIN = "sgd"

# Unit roundoff of float32: the largest relative error of rounding to nearest, for numbers of at least _TINY.
_ROUNDING = float(np.finfo(np.float32).eps) / 2
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class RecoverySettings:
    """Settings of the training: one hidden layer with ReLU, ``steps`` optimiser steps."""

    learning_rate: float
    momentum: float
    steps: int
    batch_size: int
    hidden_units: int
    seed: int


@dataclass(frozen=True)
class GradientComparison:
    """Recovered and computed gradient of one step, over all kernels and biases of the network.

    Attributes:
        difference: largest absolute difference between recovered and computed gradient.
        gradient: largest absolute value of the computed gradient.
        bound: largest ``rounding_bound``.
        within: whether every difference is within its own bound.
    """

    difference: float
    gradient: float
    bound: float
    within: bool


Step = dict[str, GradientComparison]


def rounding_bound(after: Array, gradient: Array, rate: float) -> Array:
    """Bound the effect of float32 rounding on (w_k - w_{k+1}) / rate under plain SGD.

    The step computes p = fl(rate g), then w_{k+1} = fl(w_k - p). Rounding has a relative error of at most u = 2^-24, of
    the exact or of the rounded value (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, theorems 2.2 and
    2.3), so the error of p is at most u rate abs(g), and that of w_{k+1}, which is ``after``, u abs(w_{k+1}). Divided
    by the rate, that is u abs(w_{k+1}) / rate + u abs(g), of which the first term dominates. A product below the
    smallest normal number may be flushed to 0, which adds that number divided by the rate. The weights are subtracted
    in float64, whose rounding errors are a billion times smaller.

    Returns:
        float64 of the shape of ``gradient``.
    """
    weights, slope = np.abs(after.astype(np.float64)), np.abs(gradient.astype(np.float64))
    return np.asarray(_ROUNDING * (weights / rate + slope) + _TINY / rate)


def compare(before: Array, after: Array, gradient: Array, rate: float) -> GradientComparison:
    """Compare the recovered gradient of one step with the computed one.

    Args:
        before: weights before the step, float32 [parameters].
        after: weights after the step, float32 [parameters].
        gradient: computed gradient, float32 [parameters].
        rate: learning rate, representable in float32.
    """
    recovered = (before.astype(np.float64) - after.astype(np.float64)) / rate
    difference = np.abs(recovered - gradient)
    bound = rounding_bound(after, gradient, rate)
    return GradientComparison(
        float(difference.max()), float(np.abs(gradient).max()), float(bound.max()), bool((difference <= bound).all())
    )


def recover(data: PreparedData, settings: RecoverySettings, step_done: Callable[[int, Step], None]) -> None:
    """Train one network under three optimisers in parallel, on the same batches from the same initial weights.

    Args:
        data: the images.
        settings: the training.
        step_done: called after every step (from 1) with the comparisons for ``sgd``, ``momentum`` and ``adam``; what it
            raises ends the training.

    Raises:
        SpecError: once a gradient is not finite.
    """
    keras.backend.clear_session()
    trainings = {name: _Training(data, settings, optimizer) for name, optimizer in _optimizers(settings).items()}
    for step, chosen in zip(range(1, settings.steps + 1), batches_of(len(data.y_train), settings), strict=False):
        images, labels = tf.constant(data.x_train[chosen]), tf.constant(data.y_train[chosen])
        comparisons = {name: training.step(images, labels) for name, training in trainings.items()}
        for name, comparison in comparisons.items():
            if not np.isfinite(comparison.gradient + comparison.difference):
                raise SpecError(
                    f"Under {name} the gradient of step {step} is no finite number; choose a smaller learning rate."
                )
        step_done(step, comparisons)


def _optimizers(settings: RecoverySettings) -> dict[str, keras.optimizers.Optimizer]:
    rate = settings.learning_rate
    return {
        PLAIN: keras.optimizers.SGD(rate),
        "momentum": keras.optimizers.SGD(rate, momentum=settings.momentum),
        "adam": keras.optimizers.Adam(rate),
    }


def batches_of(count: int, settings: RecoverySettings) -> Iterator[Array]:
    """Yield the indices of successive batches, reshuffled each epoch; the last batch of an epoch may be smaller."""
    epoch = 0
    while True:
        order = np.random.default_rng([settings.seed, epoch]).permutation(count)
        for start in range(0, count, settings.batch_size):
            yield order[start : start + settings.batch_size]
        epoch += 1


class _Training:
    """A network under one optimiser; its initial weights depend only on the seed."""

    def __init__(self, data: PreparedData, settings: RecoverySettings, optimizer: keras.optimizers.Optimizer) -> None:
        architecture = f"small[FC-{settings.hidden_units}, ReLU]"
        classes = len(data.info.class_names)
        self._network = build_network(architecture, data.info.shape, classes, NetworkSpec(), settings.seed)
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._optimizer = optimizer
        optimizer.build(self._network.trainable_variables)
        # The framework rounds the learning rate to float32.
        self._rate = float(np.float32(settings.learning_rate))
        self._step = tf.function(self._make_step, reduce_retracing=True)

    def step(self, images: tf.Tensor, labels: tf.Tensor) -> GradientComparison:
        """Train one step on a batch and compare the gradients."""
        before, after, gradient = (part.numpy() for part in self._step(images, labels))
        return compare(before, after, gradient, self._rate)

    def _make_step(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        variables = self._network.trainable_variables
        before = _flatten([variable.value for variable in variables])
        with tf.GradientTape() as tape:
            loss = self._loss(labels, self._network(images, training=True))
        gradients = tape.gradient(loss, variables)
        self._optimizer.apply(gradients, variables)
        return before, _flatten([variable.value for variable in variables]), _flatten(gradients)


def _flatten(tensors: list[tf.Tensor]) -> tf.Tensor:
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
