"""The architectures as data, their parameter counts by formula, and the Keras network built from them.

Layers, names and parameter counts are those of the course homework (METU EE449, Homework 1, 2023, parts 1 and 3):
convolutions of stride 1 without padding, max-pooling of stride equal to its size, and a last dense layer that gives the
logits ("prediction layer"), without softmax.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.errors import NetworkError
from engine.spec import NetworkSpec

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]

PREDICTION_LAYER = "prediction"


@dataclass(frozen=True)
class Conv:
    """A convolution of stride 1, valid padding, ``height`` x ``width`` kernels and ``filters`` output channels."""

    height: int
    width: int
    filters: int

    def output_shape(self, shape: Shape) -> Shape:
        """(height, width, channels) after the convolution; raises :class:`NetworkError` where the kernel won't fit."""
        height, width = shape[0] - self.height + 1, shape[1] - self.width + 1
        if min(height, width) < 1:
            raise NetworkError(f"a {self.height}x{self.width} kernel does not fit on a {shape[0]}x{shape[1]} image")
        return height, width, self.filters

    def parameters(self, shape: Shape) -> int:
        """(C_in * kernel height * kernel width + 1) * C_out; the 1 is the bias."""
        return (shape[2] * self.height * self.width + 1) * self.filters


@dataclass(frozen=True)
class MaxPool:
    """Max-pooling over ``size`` x ``size`` windows with stride ``size``."""

    size: int

    def output_shape(self, shape: Shape) -> Shape:
        """(height // size, width // size, channels); raises :class:`NetworkError` where no window fits."""
        height, width = shape[0] // self.size, shape[1] // self.size
        if min(height, width) < 1:
            raise NetworkError(f"{self.size}x{self.size} pooling does not fit on a {shape[0]}x{shape[1]} image")
        return height, width, shape[2]

    def parameters(self, _shape: Shape) -> int:
        """Pooling learns nothing: 0."""
        return 0


@dataclass(frozen=True)
class Dense:
    """A fully connected layer on the flattened input, with or without bias."""

    units: int
    bias: bool = True

    def output_shape(self, _shape: Shape) -> Shape:
        """(units,)."""
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        """D_in * units, plus one bias a unit."""
        return math.prod(shape) * self.units + (self.units if self.bias else 0)


@dataclass(frozen=True)
class Act:
    """The run's activation function."""

    def output_shape(self, shape: Shape) -> Shape:
        """Unchanged."""
        return shape

    def parameters(self, _shape: Shape) -> int:
        """An activation learns nothing: 0."""
        return 0


Layer = Conv | MaxPool | Dense | Act

ARCHITECTURES: dict[str, tuple[Layer, ...]] = {
    "mlp_1": (Dense(32), Act()),
    "mlp_2": (Dense(32), Act(), Dense(64, bias=False)),
    "cnn_3": (Conv(3, 3, 16), Act(), Conv(5, 5, 8), Act(), MaxPool(2), Conv(7, 7, 16), MaxPool(2)),
    "cnn_4": (
        *(Conv(3, 3, 16), Act(), Conv(3, 3, 8), Act(), Conv(5, 5, 16), Act(), MaxPool(2)),
        *(Conv(5, 5, 16), Act(), MaxPool(2)),
    ),
    "cnn_5": (
        *(Conv(3, 3, 8), Act(), Conv(3, 3, 16), Act(), Conv(3, 3, 8), Act(), Conv(3, 3, 16), Act(), MaxPool(2)),
        *(Conv(3, 3, 16), Act(), Conv(3, 3, 8), Act(), MaxPool(2)),
    ),
}


@dataclass(frozen=True)
class LayerSummary:
    """One layer of a network on a given input: its name, its output shape and how many parameters it learns."""

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    parameters: int


def summarize(architecture: str, input_shape: Shape, classes: int) -> tuple[LayerSummary, ...]:
    """The layers of ``architecture`` on images of ``input_shape`` (height, width, channels), prediction layer last.

    Raises :class:`NetworkError` that names the layer where a kernel no longer fits.
    """
    summaries: list[LayerSummary] = []
    shape: Shape = input_shape
    counts: dict[str, int] = {}
    for layer in (*layers_of(architecture), Dense(classes)):
        kind = type(layer).__name__.lower()
        counts[kind] = counts.get(kind, 0) + 1
        name = f"{kind}_{counts[kind]}"
        try:
            output = layer.output_shape(shape)
        except NetworkError as error:
            raise NetworkError(
                f"{architecture} can't be built on {input_shape[0]}x{input_shape[1]} images: at {name}, {error}; "
                "choose larger images (image_size) or another architecture."
            ) from None
        summaries.append(LayerSummary(name, layer, shape, output, layer.parameters(shape)))
        shape = output
    summaries[-1] = LayerSummary(PREDICTION_LAYER, *_fields(summaries[-1]))
    return tuple(summaries)


def layers_of(architecture: str) -> tuple[Layer, ...]:
    """The layers before the prediction layer; raises :class:`NetworkError` for an unknown name."""
    if architecture not in ARCHITECTURES:
        raise NetworkError(f"There is no architecture called '{architecture}'; there are {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[architecture]


def count_parameters(architecture: str, input_shape: Shape, classes: int) -> int:
    """How many values the whole network learns, by formula."""
    return sum(summary.parameters for summary in summarize(architecture, input_shape, classes))


def build_network(
    architecture: str, input_shape: Shape, classes: int, spec: NetworkSpec, seed: int
) -> keras.Sequential:
    """The Keras network: images [batch, height, width, channels] to logits [batch, classes].

    ``seed`` alone fixes every initial value, whatever was drawn before.
    """
    import keras

    network = keras.Sequential([keras.Input(input_shape)], name=architecture)
    seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(layers_of(architecture)) + 2).tolist())
    for summary in summarize(architecture, input_shape, classes):
        if isinstance(summary.layer, Dense) and len(summary.input_shape) > 1:
            network.add(keras.layers.Flatten(name=f"flatten_{summary.name}"))
        network.add(_keras_layer(summary, spec, next(seeds), next(seeds)))
    return network


def _fields(summary: LayerSummary) -> tuple[Layer, Shape, Shape, int]:
    return summary.layer, summary.input_shape, summary.output_shape, summary.parameters


def _keras_layer(summary: LayerSummary, spec: NetworkSpec, kernel_seed: int, bias_seed: int) -> keras.layers.Layer:
    import keras

    match summary.layer:
        case Conv(height, width, filters):
            initial = _initializers(spec, height * width * summary.input_shape[2], kernel_seed, bias_seed)
            return keras.layers.Conv2D(filters, (height, width), name=summary.name, **initial)
        case Dense(units, bias):
            initial = _initializers(spec, math.prod(summary.input_shape), kernel_seed, bias_seed)
            return keras.layers.Dense(units, use_bias=bias, name=summary.name, **initial)
        case MaxPool(size):
            return keras.layers.MaxPooling2D(size, name=summary.name)
        case Act():
            return keras.layers.Activation(spec.activation, name=summary.name)


def _initializers(spec: NetworkSpec, fan_in: int, kernel_seed: int, bias_seed: int) -> dict[str, Any]:
    """Initialisers of kernel and bias.

    ``course`` is PyTorch's default, uniform in ±1/sqrt(fan_in) for both: a variance scaling of 1/3 has just that limit,
    sqrt(3 * (1/3) / fan_in). Keras can't see a bias' fan-in, so its limit is given outright.
    """
    from keras import initializers

    if spec.initializer == "keras":
        return {"kernel_initializer": initializers.GlorotUniform(seed=kernel_seed), "bias_initializer": "zeros"}
    limit = 1 / math.sqrt(fan_in)
    return {
        "kernel_initializer": initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=kernel_seed),
        "bias_initializer": initializers.RandomUniform(-limit, limit, seed=bias_seed),
    }


def parameter_layers(summaries: Sequence[LayerSummary]) -> tuple[str, ...]:
    """Names of the layers that learn, first to last, prediction layer included."""
    return tuple(summary.name for summary in summaries if summary.parameters)
