"""Masks of dropout as a function of a run's seed, the layer and the step.

They are drawn for a whole batch and then divided among its shares, so that they don't depend on the number of threads.
Nothing of the state of a random generator has to be kept in a checkpoint.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf


class Masks:
    """Draws the masks of a dropout layer; the share of zeros is its rate to within 2**-17.

    Args:
        layer: a ``Dropout``, or a ``SpatialDropout2D``, which drops whole channels.
        seed: the run's seed.
        number: the layer's number among the dropout layers of the network.
    """

    def __init__(self, layer: keras.layers.Dropout, seed: int, number: int) -> None:
        self._rate = float(layer.rate)
        self._threshold = min(round(self._rate * 2**16), 2**16 - 1) - 2**15  # the least value of 16 bits that is kept
        height_to_channels = layer.output.shape[1:]
        is_spatial = isinstance(layer, keras.layers.SpatialDropout2D)
        self._shape = (1, 1, height_to_channels[-1]) if is_spatial else tuple(height_to_channels)
        self._key = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)

    def draw(self, images: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        """Return what the values of a batch are multiplied by: 0, or 1 / (1 - rate) as in Keras.

        Args:
            images: number of images in the batch, int32.
            step: number of steps made before, int64.
        """
        shape = tf.stack([images, *self._shape])
        values = tf.reduce_prod(shape)
        seed = tf.stack([tf.constant(self._key, tf.int64), step])
        # Two values of 16 bits from each number of 32 halve the time of drawing.
        numbers = tf.random.stateless_uniform([(values + 1) // 2], seed, None, None, tf.int32, alg="philox")
        bits = tf.reshape(tf.reshape(tf.bitcast(numbers, tf.int16), [-1])[:values], shape)
        return tf.cast(bits >= self._threshold, tf.float32) * (1 / (1 - self._rate))
