"""The gradient, recovered from two successive weights, beside the one that the framework computed.

Plain SGD makes w_{k+1} = w_k - rate g_k, so g_k = (w_k - w_{k+1}) / rate (METU EE449, Homework 1, 2023, part 1). Other
optimisers step along something else: momentum along a sum over all gradients so far, Adam along a gradient scaled
anew for each weight. What the formula gives is then not the gradient.
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

# Rounding to the nearest float32 changes a number by at most this share of it, unless it is smaller than _TINY.
_ROUNDING = float(np.finfo(np.float32).eps) / 2
_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class RecoverySettings:
    """One hidden layer of ``hidden_units`` with ReLU, ``steps`` steps on batches of ``batch_size`` images."""

    learning_rate: float
    momentum: float
    steps: int
    batch_size: int
    hidden_units: int
    seed: int


@dataclass(frozen=True)
class GradientComparison:
    """What one step showed, over all kernels and biases of the network.

    ``difference`` is the largest absolute difference between the recovered gradient and the computed one, ``gradient``
    the largest absolute value of the computed one, ``bound`` the largest of :func:`rounding_bound`; ``within`` says
    whether every single difference is within its own bound.
    """

    difference: float
    gradient: float
    bound: float
    within: bool


Step = dict[str, GradientComparison]


def rounding_bound(after: Array, gradient: Array, rate: float) -> Array:
    """How far float32 rounding can take (w_k - w_{k+1}) / rate from ``gradient`` under plain SGD; float64, its shape.

    The step computes p = fl(rate g), then w_{k+1} = fl(w_k - p). A rounding moves a number by at most u = 2^-24 of
    itself or of its result (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, theorems 2.2 and 2.3), so
    p is off by u rate abs(g), and w_{k+1}, which is ``after``, by u abs(w_{k+1}). Divided by the rate, that makes
    u abs(w_{k+1}) / rate + u abs(g), of which the first is by far the larger. A product below the smallest normal
    number may be taken for 0, which adds that number over the rate. The two weights are subtracted in float64, whose
    own roundings are a billion times smaller.
    """
    weights, slope = np.abs(after.astype(np.float64)), np.abs(gradient.astype(np.float64))
    return np.asarray(_ROUNDING * (weights / rate + slope) + _TINY / rate)


def compare(before: Array, after: Array, gradient: Array, rate: float) -> GradientComparison:
    """The recovered gradient of one step beside ``gradient``; all float32 [parameters], ``rate`` a float32's value."""
    recovered = (before.astype(np.float64) - after.astype(np.float64)) / rate
    difference = np.abs(recovered - gradient)
    bound = rounding_bound(after, gradient, rate)
    return GradientComparison(
        float(difference.max()), float(np.abs(gradient).max()), float(bound.max()), bool((difference <= bound).all())
    )


def recover(data: PreparedData, settings: RecoverySettings, step_done: Callable[[int, Step], None]) -> None:
    """Train the same network under three optimisers side by side, on the same batches from the same initial values.

    ``step_done`` is called after every step (from 1) with a :class:`GradientComparison` for ``sgd``, ``momentum`` and
    ``adam``. Raises :class:`SpecError` once a gradient is no longer a finite number, and what ``step_done`` raises.
    """
    keras.backend.clear_session()
    trainings = {name: _Training(data, settings, optimizer) for name, optimizer in _optimizers(settings).items()}
    for step, chosen in zip(range(1, settings.steps + 1), batches_of(len(data.y_train), settings), strict=False):
        images, labels = tf.constant(data.x_train[chosen]), tf.constant(data.y_train[chosen])
        found = {name: training.step(images, labels) for name, training in trainings.items()}
        for name, comparison in found.items():
            if not np.isfinite(comparison.gradient + comparison.difference):
                raise SpecError(
                    f"Under {name} the gradient of step {step} is no finite number; choose a smaller learning rate."
                )
        step_done(step, found)


def _optimizers(settings: RecoverySettings) -> dict[str, keras.optimizers.Optimizer]:
    rate = settings.learning_rate
    return {
        PLAIN: keras.optimizers.SGD(rate),
        "momentum": keras.optimizers.SGD(rate, momentum=settings.momentum),
        "adam": keras.optimizers.Adam(rate),
    }


def batches_of(count: int, settings: RecoverySettings) -> Iterator[Array]:
    """Indices of one batch after the other, shuffled anew for each epoch; the last of an epoch may be short."""
    epoch = 0
    while True:
        order = np.random.default_rng([settings.seed, epoch]).permutation(count)
        for start in range(0, count, settings.batch_size):
            yield order[start : start + settings.batch_size]
        epoch += 1


class _Training:
    """A network under one optimiser, with the same initial values as every other of that seed."""

    def __init__(self, data: PreparedData, settings: RecoverySettings, optimizer: keras.optimizers.Optimizer) -> None:
        architecture = f"small[FC-{settings.hidden_units}, ReLU]"
        classes = len(data.info.class_names)
        self._network = build_network(architecture, data.info.shape, classes, NetworkSpec(), settings.seed)
        self._loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self._optimizer = optimizer
        optimizer.build(self._network.trainable_variables)
        # The rate that the framework divides into steps is the nearest float32 to the one asked for.
        self._rate = float(np.float32(settings.learning_rate))
        self._step = tf.function(self._make_step, reduce_retracing=True)

    def step(self, images: tf.Tensor, labels: tf.Tensor) -> GradientComparison:
        """Make one step on a batch and compare."""
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
