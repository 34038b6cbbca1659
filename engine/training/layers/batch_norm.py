"""Batch normalisation with the statistics of a whole batch, which may be computed in shares.

Formulas: S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
Covariate Shift", 2015, section 3, with the running averages of Keras. TensorFlow's fused operations take a third of the
time of the single operations that Keras' layer consists of (docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, cast

import keras
import tensorflow as tf


@dataclass(frozen=True)
class Moments:
    """Mean and biased variance of each channel over ``count`` values; all float32."""

    count: tf.Tensor
    mean: tf.Tensor
    variance: tf.Tensor

    def pooled(self, other: Moments) -> Moments:
        """Return the moments of both samples together, of which either may be empty.

        T. Chan, G. Golub and R. LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances",
        1979.
        """
        count = self.count + other.count
        share = tf.math.divide_no_nan(other.count, count)
        difference = other.mean - self.mean
        variance = (1 - share) * self.variance + share * other.variance + share * (1 - share) * difference**2
        return Moments(count, self.mean + share * difference, variance)


def normalize_batch(
    layer: keras.layers.BatchNormalization, shards: Sequence[tf.Tensor], weights: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Normalise a batch in training, and update the layer's running averages as Keras does.

    Args:
        layer: its parameters.
        shards: the shares of the batch, each [images, ..., channels].
        weights: of each share, float32: 1, or 0 for one that is no part of the batch.
    """
    gamma, beta = layer.gamma.value, layer.beta.value
    inputs = [_as_images(each) for each in shards]
    if len(shards) == 1:
        output, moments = _normalize_whole(inputs[0], gamma, beta, layer.epsilon)
        outputs, mean, variance = [output], moments.mean, moments.variance
    else:
        *outputs, mean, variance = _normalize_shards(weights, layer.epsilon)(gamma, beta, *inputs)
    for average, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        average.assign(average.value * layer.momentum + value * (1 - layer.momentum))
    return [tf.reshape(output, tf.shape(shard)) for output, shard in zip(outputs, shards, strict=True)]


def inference_coefficients(layer: keras.layers.BatchNormalization) -> tuple[tf.Tensor, tf.Tensor]:
    """Return factor and summand of each channel by the layer's running averages, float32."""
    factor = layer.gamma.value * tf.math.rsqrt(layer.moving_variance.value + layer.epsilon)
    return factor, layer.beta.value - factor * layer.moving_mean.value


def _as_images(values: tf.Tensor) -> tf.Tensor:
    """Return [n, ..., channels] with four axes, which the fused operations need."""
    return values if len(values.shape) == 4 else tf.reshape(values, [-1, 1, 1, values.shape[-1]])


def _normalize_whole(values: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float) -> tuple[tf.Tensor, Moments]:
    """Normalise by the moments of ``values``, and return these too."""
    # tf.nn.fused_batch_norm would silently raise epsilon to 1.001e-5.
    output, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=values, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
    )
    count = tf.cast(tf.size(values) // values.shape[-1], tf.float32)
    # The operation divides by count - 1, and of a single value by 1.
    return output, Moments(count, mean, variance * (tf.maximum(count - 1, 1) / count))


@dataclass(frozen=True)
class _Normalization:
    """Normalisation by given moments, as if these were constants."""

    moments: Moments
    epsilon: float

    def __call__(self, values: tf.Tensor, factor: tf.Tensor, summand: tf.Tensor) -> tf.Tensor:
        """Return factor * normalised values + summand."""
        settings = {"mean": self.moments.mean, "variance": self.moments.variance, "epsilon": self.epsilon}
        return tf.raw_ops.FusedBatchNormV3(x=values, scale=factor, offset=summand, is_training=False, **settings).y

    def gradients(self, upstream: tf.Tensor, values: tf.Tensor, factor: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Return the gradients with respect to values, factor and summand."""
        found = tf.raw_ops.FusedBatchNormGradV3(
            y_backprop=upstream,
            x=values,
            scale=factor,
            reserve_space_1=self.moments.mean,
            reserve_space_2=self.moments.variance,
            reserve_space_3=self.moments.mean,  # is not read
            epsilon=self.epsilon,
            is_training=False,
        )
        return found.x_backprop, found.scale_backprop, found.offset_backprop


def _normalize_shards(weights: Sequence[tf.Tensor], epsilon: float) -> Callable[..., Any]:
    """Return the function that normalises shares of a batch by the moments of the whole of it.

    Its arguments are gamma, beta and the shares, and it returns the normalised shares, mean and variance. Gradients
    with respect to the latter two are not propagated.
    """

    def normalize(gamma: tf.Tensor, beta: tf.Tensor, *shards: tf.Tensor) -> Any:
        ones, zeros = tf.ones_like(gamma), tf.zeros_like(beta)
        parts = [_normalize_whole(shard, ones, zeros, epsilon)[1] for shard in shards]
        weighted = [Moments(w * each.count, each.mean, each.variance) for w, each in zip(weights, parts, strict=True)]
        whole = reduce(Moments.pooled, weighted)
        normalization = _Normalization(whole, epsilon)

        def gradient(*upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            found = [normalization.gradients(*each, gamma) for each in zip(upstream, shards, strict=False)]
            of_values, of_gammas, of_betas = zip(*found, strict=True)
            of_gamma, of_beta = tf.add_n(of_gammas), tf.add_n(of_betas)
            # What the images contribute by way of mean and variance, which are those of the whole batch.
            slope = -gamma * tf.math.rsqrt(whole.variance + epsilon) / whole.count
            of_shards = [
                direct + normalization(shard, weight * slope * of_gamma, weight * slope * of_beta)
                for direct, shard, weight in zip(of_values, shards, weights, strict=True)
            ]
            return of_gamma, of_beta, *of_shards

        outputs = [normalization(shard, gamma, beta) for shard in shards]
        return (*outputs, whole.mean, whole.variance), gradient

    return cast("Callable[..., Any]", tf.custom_gradient(normalize))
