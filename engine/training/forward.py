"""Fast inference of a network for many images.

The result is that of the Keras layers with their current weights. What differs is the memory layout of convolutions
with few output channels, where that is faster with the library that computes, and, optionally, the precision.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import keras
import tensorflow as tf

from engine.devices.hardware import uses_avx512
from engine.devices.libraries import EIGEN, ONEDNN
from engine.training.layers.batch_norm import inference_coefficients
from engine.training.layers.graph import IMAGES, Node, network_graph


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
    """Computes logits and activations of images, in inference.

    Batch normalisation uses the running averages, as one multiplication and addition, or none if it follows a
    convolution or a dense layer directly, whose weights are then multiplied instead. There is no dropout.

    Args:
        network: the network; its weights are read at each call.
        folding: which convolutions are folded.
        precision: to which weights, images and activations are rounded; the processor accumulates in float32.
    """

    def __init__(self, network: keras.Model, folding: Folding, precision: tf.DType = tf.float32) -> None:
        self._graph, self._precision, self._folding = network_graph(network), precision, folding
        self._input_shape = network.input_shape
        self._normalized_by = _merged_normalizations(self._graph)
        self.activation_channels = [
            node.layer.output.shape[-1] for node in self._graph if isinstance(node.layer, keras.layers.Activation)
        ]

    @property
    def largest_image_bytes(self) -> int:
        """Bytes of the largest tensor that is computed for one image."""
        shapes = [self._input_shape, *(node.layer.output.shape for node in self._graph)]
        largest: int = max(math.prod(shape[1:]) for shape in shapes) * self._precision.size
        return largest

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
        values, activations = {IMAGES: tf.cast(images, self._precision)}, []
        merged = set(self._normalized_by.values())
        for number, node in enumerate(self._graph):
            inputs = [values[each] for each in node.inputs]
            if number in merged:
                values[number] = inputs[0]
                continue
            normalization = self._normalized_by.get(number)
            following = None if normalization is None else self._graph[normalization].layer
            values[number] = self.compute(node.layer, *inputs, normalization=following)
            if isinstance(node.layer, keras.layers.Activation):
                activations.append(values[number])
        return tf.cast(values[len(self._graph) - 1], tf.float32), activations

    # AutoGraph doesn't support match statements, and there is nothing to convert.
    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator] # TensorFlow is not typed
    def compute(
        self,
        layer: keras.layers.Layer,
        *inputs: tf.Tensor,
        normalization: keras.layers.BatchNormalization | None = None,
    ) -> tf.Tensor:
        """Return the output of a layer.

        Args:
            layer: the layer.
            inputs: one, or the summands of an ``Add``.
            normalization: follows a layer with weights.

        Raises:
            TypeError: if the layer is of another type.
        """
        values = inputs[0]
        match layer:
            case keras.layers.Conv2D() | keras.layers.DepthwiseConv2D():
                output = _convolution(values, layer, *self._parameters(layer, normalization), self._folding)
            case keras.layers.Dense():
                weights, bias = self._parameters(layer, normalization)
                output = tf.matmul(values, weights) if bias is None else tf.nn.bias_add(values @ weights, bias)
            case keras.layers.Activation():
                output = layer.activation(values)
            case keras.layers.MaxPooling2D():
                output = tf.nn.max_pool2d(values, layer.pool_size, layer.strides, layer.padding.upper())
            case keras.layers.AveragePooling2D():
                output = tf.nn.avg_pool2d(values, layer.pool_size, layer.strides, layer.padding.upper())
            case keras.layers.GlobalAveragePooling2D():
                output = tf.cast(tf.reduce_mean(tf.cast(values, tf.float32), axis=[1, 2]), self._precision)
            case keras.layers.BatchNormalization():
                factor, summand = inference_coefficients(layer)
                output = values * tf.cast(factor, self._precision) + tf.cast(summand, self._precision)
            case keras.layers.LayerNormalization():
                output = self._layer_norm(layer, tf.cast(values, tf.float32))
            case keras.layers.Dropout():
                output = values
            case keras.layers.Add():
                output = reduce(add, inputs)
            case keras.layers.Flatten():
                output = tf.reshape(values, [-1, layer.output.shape[-1]])
            case _:
                raise TypeError(f"no way to compute a {type(layer).__name__}")
        return output

    def _layer_norm(self, layer: keras.layers.LayerNormalization, values: tf.Tensor) -> tf.Tensor:
        """Normalise float32 values over the channels (J. Ba, J. Kiros and G. Hinton, "Layer Normalization", 2016)."""
        mean, variance = tf.nn.moments(values, axes=[-1], keepdims=True)
        gamma, beta = layer.gamma.value, layer.beta.value
        return tf.cast(tf.nn.batch_normalization(values, mean, variance, beta, gamma, layer.epsilon), self._precision)

    def _parameters(
        self, layer: keras.layers.Layer, normalization: keras.layers.BatchNormalization | None
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return weights and bias, so that the output is normalised too if a normalisation is given."""
        weights, bias = layer.kernel.value, layer.bias.value if layer.use_bias else None
        if normalization is not None:
            factor, summand = inference_coefficients(normalization)
            bias = summand if bias is None else factor * bias + summand
            is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            weights = weights * (tf.reshape(factor, [-1, 1]) if is_depthwise else factor)
        return tf.cast(weights, self._precision), None if bias is None else tf.cast(bias, self._precision)


def _merged_normalizations(graph: Sequence[Node]) -> dict[int, int]:
    """Return the normalisations that alone follow a layer with weights, by the number of that layer."""
    users = Counter(number for node in graph for number in node.inputs)
    return {
        node.inputs[0]: number
        for number, node in enumerate(graph)
        if isinstance(node.layer, keras.layers.BatchNormalization)
        and node.inputs[0] != IMAGES
        and users[node.inputs[0]] == 1
        and hasattr(graph[node.inputs[0]].layer, "kernel")
    }


def _convolution(
    values: tf.Tensor, layer: keras.layers.Layer, kernel: tf.Tensor, bias: tf.Tensor | None, folding: Folding
) -> tf.Tensor:
    """Convolve [n, h, w, c] with a kernel of the shape of the layer's, and add the bias if there is one."""
    padding, strides = layer.padding.upper(), layer.strides
    if takes_single_pixels(layer):
        # TensorFlow's gradient by oneDNN overwrites foreign memory if an operation has several threads, as without
        # worker processes. The pixels are chosen first, then.
        values, strides = values[:, :: strides[0], :: strides[1]], (1, 1)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        output = tf.nn.depthwise_conv2d(values, kernel, [1, *layer.strides, 1], padding)
    elif strides == (1, 1) and padding == "VALID" and _is_foldable(values, kernel, folding):
        return _folded_convolution(values, kernel, bias)
    else:
        output = tf.nn.conv2d(values, kernel, strides, padding)
    return output if bias is None else tf.nn.bias_add(output, bias)


def takes_single_pixels(layer: keras.layers.Layer) -> bool:
    """Whether a layer is a 1x1 convolution that skips pixels, as in the shortcut of a residual block."""
    return isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (1, 1) and layer.strides != (1, 1)


def _is_foldable(values: tf.Tensor, kernel: tf.Tensor, folding: Folding) -> bool:
    """Whether a convolution of stride 1 without padding is narrow, with even numbers of input and output columns."""
    width, columns = values.shape[2], kernel.shape[1]
    is_narrow = values.shape[3] >= folding.least_channels and kernel.shape[3] <= folding.most_filters
    return bool(is_narrow and width % 2 == 0 and (width - columns + 1) % 2 == 0)


def _folded_convolution(values: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
    height, width, channels = values.shape[1:]
    rows, columns, _, filters = kernel.shape
    # Two neighbouring pixels of a row are treated as one with twice the channels, which is their layout in memory. The
    # kernel computes both outputs of such a pair: a third more arithmetic for a 3x3 kernel, half the instructions.
    folded = tf.reshape(values, [-1, height, width // 2, 2 * channels])
    outputs = tf.nn.conv2d(folded, fold(kernel), 1, "VALID")
    if bias is not None:
        outputs = tf.nn.bias_add(outputs, tf.tile(bias, [2]))
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
