"""Fast inference of a network for many images.

The result is that of the Keras layers with their current weights. What differs is the memory layout of convolutions
with few output channels, where that is faster with the library that computes, and, optionally, the precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import tensorflow as tf

from engine.devices.hardware import uses_avx512
from engine.devices.libraries import EIGEN, ONEDNN


@dataclass(frozen=True)
class Folding:
    """Which convolutions are folded, that is, compute two neighbouring pixels as one with twice the channels.

    Bits of results depend on it, so it must follow from what is stored with a run.

    Attributes:
        least_channels: of the input.
        most_filters: the most output channels.
        in_training: whether training steps are computed so, too.
    """

    least_channels: int = 1
    most_filters: int = 0
    in_training: bool = False


NO_FOLDING = Folding()
# oneDNN fills a register with the output channels of a pixel. One of AVX-512 holds 16 float32, so that a convolution
# with 8 leaves half of it empty; one of AVX2 holds 8. In training it gains nothing.
FOLDING_FOR_AVX512 = Folding(least_channels=9, most_filters=8)
# Eigen's matrix products are slow for so few columns, whatever the register.
FOLDING_FOR_EIGEN = Folding(most_filters=16, in_training=True)


def folding_for(library: str) -> Folding:
    """Return the folding for a library; an empty one, as that of a GPU, counts as oneDNN with AVX-512."""
    if library == EIGEN:
        return FOLDING_FOR_EIGEN
    return FOLDING_FOR_AVX512 if library != ONEDNN or uses_avx512() else NO_FOLDING


class Forward:
    """Computes logits and activations of images.

    Args:
        network: the network; its weights are read at each call.
        folding: which convolutions are folded.
        precision: to which weights, images and activations are rounded; the processor accumulates in float32.
    """

    def __init__(self, network: keras.Sequential, folding: Folding, precision: tf.DType = tf.float32) -> None:
        self._network, self._precision, self._folding = network, precision, folding
        self.activation_channels = [
            layer.output.shape[-1] for layer in network.layers if isinstance(layer, keras.layers.Activation)
        ]

    @property
    def largest_image_bytes(self) -> int:
        """Bytes of the largest tensor that is computed for one image."""
        shapes = [self._network.input_shape, *(layer.output.shape for layer in self._network.layers)]
        largest: int = max(math.prod(shape[1:]) for shape in shapes) * self._precision.size
        return largest

    # AutoGraph doesn't support match statements, and there is nothing to convert.
    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator] # TensorFlow is not typed
    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Compute logits and activations.

        Args:
            images: float32 [n, h, w, c].

        Returns:
            Logits, float32 [n, classes], and the output of each activation.

        Raises:
            TypeError: if the network has a layer of another type.
        """
        values, activations = tf.cast(images, self._precision), []
        for layer in self._network.layers:
            match layer:
                case keras.layers.Conv2D():
                    values = _convolution(values, *self._parameters(layer), self._folding)
                case keras.layers.Dense():
                    weights, bias = self._parameters(layer)
                    values = tf.matmul(values, weights) if bias is None else tf.nn.bias_add(values @ weights, bias)
                case keras.layers.Activation():
                    values = layer.activation(values)
                    activations.append(values)
                case keras.layers.MaxPooling2D():
                    values = tf.nn.max_pool2d(values, layer.pool_size, layer.strides, "VALID")
                case keras.layers.Flatten():
                    values = tf.reshape(values, [-1, layer.output.shape[-1]])
                case _:
                    raise TypeError(f"no way to compute a {type(layer).__name__}")
        return tf.cast(values, tf.float32), activations

    def _parameters(self, layer: keras.layers.Layer) -> tuple[tf.Tensor, tf.Tensor | None]:
        weights = tf.cast(layer.kernel.value, self._precision)
        return weights, tf.cast(layer.bias.value, self._precision) if layer.use_bias else None


def _convolution(values: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, folding: Folding) -> tf.Tensor:
    """Convolve [n, h, w, c] with [kh, kw, c, k], stride 1 and no padding, and add the bias."""
    height, width, channels = values.shape[1:]
    rows, columns, _, filters = kernel.shape
    is_narrow = channels >= folding.least_channels and filters <= folding.most_filters
    if not is_narrow or width % 2 or (width - columns + 1) % 2:
        return tf.nn.bias_add(tf.nn.conv2d(values, kernel, 1, "VALID"), bias)
    # Two neighbouring pixels of a row are treated as one with twice the channels, which is their layout in memory. The
    # kernel computes both outputs of such a pair: a third more arithmetic for a 3x3 kernel, half the instructions.
    folded = tf.reshape(values, [-1, height, width // 2, 2 * channels])
    outputs = tf.nn.bias_add(tf.nn.conv2d(folded, fold(kernel), 1, "VALID"), tf.tile(bias, [2]))
    return tf.reshape(outputs, [-1, height - rows + 1, width - columns + 1, filters])


def fold(kernel: tf.Tensor) -> tf.Tensor:
    """Convert a kernel [kh, kw, c, k] to one that computes two neighbouring outputs from pairs of pixels.

    The result differs only by rounding: products with zeros are added, and the order of summation is up to the
    processor.

    Returns:
        [kh, (kw + 2) // 2, 2 c, 2 k]; the first k outputs are those of the left pixel, the others, whose weights are
        shifted by one pixel, those of the right one.
    """
    rows, columns, channels, filters = kernel.shape
    units = (columns + 2) // 2
    left, right = (tf.pad(kernel, [[0, 0], [shift, 2 * units - columns - shift], [0, 0], [0, 0]]) for shift in range(2))
    return tf.reshape(tf.stack([left, right], axis=3), [rows, units, 2 * channels, 2 * filters])
