"""A network of Keras as an ONNX graph, from the public attributes of its layers.

Operators are those of opset 17 (https://onnx.ai/onnx/operators/), the first with LayerNormalization, which runtimes
since 2022 have. Images come in as Keras has them, [batch, height, width, channels]; ONNX convolves [batch, channels,
height, width], so they are transposed once, and back where the order of the numbers matters: before Flatten, and around
a normalisation over the channels of each pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.utils.arrays import Array
from engine.utils.errors import ExportError

if TYPE_CHECKING:
    import keras
    import onnx

OPSET = 17
IR_VERSION = 8  # the one that came with opset 17; the package would write its newest, which earlier runtimes refuse
INPUT, LOGITS, PROBABILITIES = "images", "logits", "probabilities"

_CHANNELS_FIRST, _CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
# Activations that are one operator, with its attributes; those of more operators are in ``Graph.activate``.
_OPERATORS: dict[str, tuple[str, dict[str, float]]] = {
    "relu": ("Relu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
}


class Graph:
    """An ONNX graph that grows by one layer after the other; tensors are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: tuple[str, ...], output: str, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: Array) -> str:
        """Add float32 numbers, and return their name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def weights(self, layer: keras.layers.Layer, *kinds: str) -> tuple[str, ...]:
        """Add weights of a layer, such as its ``gamma`` and ``beta``, and return their names."""
        return tuple(self.constant(f"{layer.name}/{kind}", getattr(layer, kind).numpy()) for kind in kinds)

    def activate(self, source: str, function: str, output: str) -> str:
        """Add an activation function by Keras' name for it.

        Raises:
            ExportError: if ONNX has no such function.
        """
        match function:
            case "linear":
                return self.add("Identity", (source,), output)
            case "silu":  # x * sigmoid(x)
                return self.add("Mul", (source, self.add("Sigmoid", (source,), f"{output}/sigmoid")), output)
            case "gelu":  # x / 2 * (1 + erf(x / sqrt(2))), the exact one, as in Keras; an operator of opset 20
                scaled = self._scaled(source, math.sqrt(0.5), f"{output}/scaled")
                error = self.add("Erf", (scaled,), f"{output}/erf")
                one = self.constant(f"{output}/one", np.array(1.0))
                sum_ = self.add("Add", (error, one), f"{output}/sum")
                return self.add("Mul", (self._scaled(source, 0.5, f"{output}/half"), sum_), output)
        if function not in _OPERATORS:
            raise ExportError(
                f"The activation {function} of {output} has no counterpart in ONNX; choose keras instead."
            )
        operator, attributes = _OPERATORS[function]
        return self.add(operator, (source,), output, **attributes)

    def _scaled(self, source: str, factor: float, output: str) -> str:
        return self.add("Mul", (source, self.constant(f"{output}/factor", np.array(factor))), output)


def build_graph(network: keras.Model) -> Graph:
    """Convert a network from images to logits, with their softmax as a second output.

    Raises:
        ExportError: if it has a layer that can't be converted.
    """
    import keras

    graph = Graph()
    last = graph.add("Transpose", (INPUT,), f"{INPUT}/channels_first", perm=_CHANNELS_FIRST)
    outputs = {id(tensor): last for tensor in network.inputs}
    for layer in network.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(network, keras.Sequential):  # a loaded one has called its layers more than once
            sources = [last]
        else:
            inputs = layer.input if isinstance(layer.input, list) else [layer.input]
            sources = [outputs[id(tensor)] for tensor in inputs]
        last = _convert(layer)(graph, layer, *sources)
        outputs[id(layer.output)] = last
    graph.add("Identity", (last,), LOGITS)
    graph.add("Softmax", (LOGITS,), PROBABILITIES, axis=1)
    return graph


def _convert(layer: keras.layers.Layer) -> Callable[..., str]:
    kind = type(layer).__name__
    if kind not in _LAYERS:
        raise ExportError(f"The layer {layer.name}, a {kind}, can't be written as ONNX; choose keras instead.")
    return _LAYERS[kind]


def _is_image(tensor: Any) -> bool:
    return len(tensor.shape) == 4


def _padding(layer: keras.layers.Layer, window: tuple[int, int]) -> dict[str, Any]:
    """Return strides and padding as ONNX has them; TensorFlow puts the odd pixel at the bottom and on the right.

    They are written out, rather than by ``auto_pad``, which ONNX has deprecated.
    """
    starts, ends = [0, 0], [0, 0]
    if layer.padding == "same":
        for axis in (0, 1):
            size, stride = layer.input.shape[1 + axis], layer.strides[axis]
            missing = max((-(-size // stride) - 1) * stride + window[axis] - size, 0)
            starts[axis], ends[axis] = missing // 2, missing - missing // 2
    return {"kernel_shape": list(window), "strides": list(layer.strides), "pads": [*starts, *ends]}


def _convolution(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    kernel = layer.kernel.numpy().transpose(3, 2, 0, 1)  # filters, channels, height, width
    return _convolved(graph, layer, source, kernel, groups=1)


def _depthwise_convolution(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    height, width, channels, multiplier = layer.kernel.shape
    kernel = layer.kernel.numpy().transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _convolved(graph, layer, source, kernel, groups=channels)


def _convolved(graph: Graph, layer: keras.layers.Layer, source: str, kernel: Array, groups: int) -> str:
    inputs = source, graph.constant(f"{layer.name}/kernel", kernel)
    bias = graph.weights(layer, "bias") if layer.use_bias else ()
    places = _padding(layer, kernel.shape[2:])
    found = graph.add("Conv", inputs + bias, f"{layer.name}/sums", group=groups, **places)
    return graph.activate(found, layer.activation.__name__, layer.name)


def _max_pooling(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    return graph.add("MaxPool", (source,), layer.name, **_padding(layer, layer.pool_size))


def _average_pooling(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    # As in TensorFlow, the mean is over the pixels of the image in the window.
    return graph.add("AveragePool", (source,), layer.name, count_include_pad=0, **_padding(layer, layer.pool_size))


def _global_average_pooling(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    means = graph.add("GlobalAveragePool", (source,), f"{layer.name}/means")
    return graph.add("Flatten", (means,), layer.name, axis=1)


def _flatten(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    if _is_image(layer.input):
        source = graph.add("Transpose", (source,), f"{layer.name}/channels_last", perm=_CHANNELS_LAST)
    return graph.add("Flatten", (source,), layer.name, axis=1)


def _dense(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    if len(layer.input.shape) != 2:
        raise ExportError(f"The layer {layer.name} is applied to each pixel and can't be written as ONNX.")
    weights = graph.weights(layer, "kernel", *(["bias"] if layer.use_bias else []))
    found = graph.add("Gemm", (source, *weights), f"{layer.name}/sums")
    return graph.activate(found, layer.activation.__name__, layer.name)


def _batch_normalization(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    weights = graph.weights(layer, "gamma", "beta", "moving_mean", "moving_variance")
    return graph.add("BatchNormalization", (source, *weights), layer.name, epsilon=layer.epsilon)


def _layer_normalization(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    weights = graph.weights(layer, "gamma", "beta")
    if not _is_image(layer.input):
        return graph.add("LayerNormalization", (source, *weights), layer.name, axis=-1, epsilon=layer.epsilon)
    pixels = graph.add("Transpose", (source,), f"{layer.name}/channels_last", perm=_CHANNELS_LAST)
    found = graph.add(
        "LayerNormalization", (pixels, *weights), f"{layer.name}/normalized", axis=-1, epsilon=layer.epsilon
    )
    return graph.add("Transpose", (found,), layer.name, perm=_CHANNELS_FIRST)


def _activation(graph: Graph, layer: keras.layers.Layer, source: str) -> str:
    return graph.activate(source, layer.activation.__name__, layer.name)


def _sum(graph: Graph, layer: keras.layers.Layer, *sources: str) -> str:
    return graph.add("Sum", sources, layer.name)


def _left_out(_graph: Graph, _layer: keras.layers.Layer, source: str) -> str:
    return source


_LAYERS: dict[str, Callable[..., str]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise_convolution,
    "MaxPooling2D": _max_pooling,
    "AveragePooling2D": _average_pooling,
    "GlobalAveragePooling2D": _global_average_pooling,
    "Flatten": _flatten,
    "Dense": _dense,
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _layer_normalization,
    "Activation": _activation,
    "Add": _sum,
    "Dropout": _left_out,  # only in training
    "SpatialDropout2D": _left_out,
}
