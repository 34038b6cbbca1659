"""A network's outputs, computed for many images as fast as the processor allows, without being trained.

The layers are those of the network, with the values they have at the moment; what differs is how a convolution with few
output channels is laid out, and with how many bits all is computed where that is asked for.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf

# A vector register of AVX-512 holds 16 float32. oneDNN puts the output channels of a pixel into one, so a convolution
# of 8 leaves half of it empty.
LANES = 16


class Forward:
    """Images, float32 [n, h, w, c], to logits, float32 [n, classes], and what each activation gives.

    Args:
        network: the network; its values are read anew at each call.
        precision: what weights, images and activations are rounded to; sums are kept in float32 by the processor.
    """

    def __init__(self, network: keras.Sequential, precision: tf.DType = tf.float32) -> None:
        self._network, self._precision = network, precision
        self.activation_channels = [
            layer.output.shape[-1] for layer in network.layers if isinstance(layer, keras.layers.Activation)
        ]

    @property
    def largest_image_bytes(self) -> int:
        """Bytes of the largest tensor that one image becomes on its way."""
        shapes = [self._network.input_shape, *(layer.output.shape for layer in self._network.layers)]
        largest: int = max(math.prod(shape[1:]) for shape in shapes) * self._precision.size
        return largest

    # AutoGraph can't read a match statement, and there is nothing to convert.
    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator] # TensorFlow is not typed
    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Logits and activations of ``images``."""
        values, activations = tf.cast(images, self._precision), []
        for layer in self._network.layers:
            match layer:
                case keras.layers.Conv2D():
                    values = _convolution(values, *self._parameters(layer))
                case keras.layers.Dense():
                    kernel, bias = self._parameters(layer)
                    values = tf.matmul(values, kernel) if bias is None else tf.nn.bias_add(values @ kernel, bias)
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
        kernel = tf.cast(layer.kernel.value, self._precision)
        return kernel, tf.cast(layer.bias.value, self._precision) if layer.use_bias else None


def _convolution(values: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """A convolution of stride 1 without padding, [n, h, w, c] by [kh, kw, c, k], with its bias."""
    height, width, channels = values.shape[1:]
    rows, columns, _, filters = kernel.shape
    pairs = filters <= LANES // 2 < channels and width % 2 == 0 and (width - columns + 1) % 2 == 0
    if not pairs:
        return tf.nn.bias_add(tf.nn.conv2d(values, kernel, 1, "VALID"), bias)
    # Two neighbouring pixels of a row are taken for one of twice the channels, which is how they lie in memory. The
    # kernel gives both outputs of such a pair at once: a third more arithmetic for a 3x3 kernel, half the instructions.
    folded = tf.reshape(values, [-1, height, width // 2, 2 * channels])
    outputs = tf.nn.bias_add(tf.nn.conv2d(folded, fold(kernel), 1, "VALID"), tf.tile(bias, [2]))
    return tf.reshape(outputs, [-1, height - rows + 1, width - columns + 1, filters])


def fold(kernel: tf.Tensor) -> tf.Tensor:
    """The kernel [kh, kw, c, k] as one that makes two neighbouring outputs of pairs of pixels.

    It is [kh, (kw + 2) // 2, 2 c, 2 k]: the first k outputs are the left one's, the others, moved by a pixel, the right
    one's. Products with zeros come in, none falls out. Sums are the same but for rounding: in what
    order a processor adds is its own affair.
    """
    rows, columns, channels, filters = kernel.shape
    units = (columns + 2) // 2
    left, right = (tf.pad(kernel, [[0, 0], [moved, 2 * units - columns - moved], [0, 0], [0, 0]]) for moved in range(2))
    return tf.reshape(tf.stack([left, right], axis=3), [rows, units, 2 * channels, 2 * filters])
