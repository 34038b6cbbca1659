"""The built-in architectures, parameter counts by formula, and construction of the Keras network.

Layers, names and parameter counts are those of the course homework (METU EE449, Homework 1, 2023, parts 1 and 3):
convolutions of stride 1 without padding, max-pooling with stride equal to its size, and a final dense layer that gives
the logits ("prediction layer"), without softmax. An architecture is given by name or as ``name[layers]`` in the
notation of ``engine.networks.notation``; that text describes it completely.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.config.specs import NetworkSpec
from engine.networks.layers import Act, Conv, Dense, Layer, MaxPool, Shape
from engine.networks.notation import format_network, parse_network, split_architecture
from engine.utils.errors import NetworkError

if TYPE_CHECKING:
    import keras

__all__ = ["ARCHITECTURES", "format_network", "parse_network", "summarize", "summarize_layers"]

PREDICTION_LAYER = "prediction"

# A dense layer of this size takes about as much memory as CIFAR-10; more is probably a typing error.
MAX_PARAMETERS = 50_000_000

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
    """A layer of a network for a given input shape, with its number of learned parameters."""

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    parameters: int

    @property
    def formula(self) -> str:
        """The parameter count as a formula with numbers filled in; empty if there are none."""
        return self.layer.formula(self.input_shape)


def summarize(architecture: str, input_shape: Shape, classes: int) -> tuple[LayerSummary, ...]:
    """Summarise the layers of an architecture.

    Args:
        architecture: name or ``name[layers]``.
        input_shape: height, width and channels of the images.
        classes: number of units of the prediction layer.

    Returns:
        The layers in order, prediction layer last.

    Raises:
        NetworkError: if the name or the notation is wrong, or naming the layer at which a kernel no longer fits.
    """
    try:
        return summarize_layers(layers_of(architecture), input_shape, classes)
    except _UnfitError as error:
        raise NetworkError(
            f"{architecture_name(architecture)} can't be built on {input_shape[1]}x{input_shape[0]} images: {error}; "
            "choose larger images (image_size) or another architecture."
        ) from None


def summarize_layers(layers: Sequence[Layer], input_shape: Shape, classes: int) -> tuple[LayerSummary, ...]:
    """Summarise layers that have no name, as ``summarize`` does.

    Raises:
        NetworkError: if there are too many parameters.
        _UnfitError: if a layer does not fit its input.
    """
    summaries: list[LayerSummary] = []
    shape: Shape = input_shape
    counts: dict[str, int] = {}
    for layer in (*layers, Dense(classes)):
        kind = type(layer).__name__.lower()
        counts[kind] = counts.get(kind, 0) + 1
        name = f"{kind}_{counts[kind]}"
        try:
            output = layer.output_shape(shape)
        except NetworkError as error:
            raise _UnfitError(f"at {name}, {error}") from None
        summaries.append(LayerSummary(name, layer, shape, output, layer.parameters(shape)))
        shape = output
    total = sum(summary.parameters for summary in summaries)
    if total > MAX_PARAMETERS:
        raise NetworkError(
            f"The network would learn {total:,} parameters, and at most {MAX_PARAMETERS:,} are allowed; make its "
            "layers or the images smaller."
        )
    summaries[-1] = replace(summaries[-1], name=PREDICTION_LAYER)
    return tuple(summaries)


class _UnfitError(NetworkError):
    """A layer does not fit its input shape."""


def architecture_name(architecture: str) -> str:
    """Return the name of an architecture: ``small`` of ``small[Conv-3x3x8, ReLU]``."""
    return split_architecture(architecture)[0]


def layers_of(architecture: str) -> tuple[Layer, ...]:
    """Return the layers before the prediction layer.

    Raises:
        NetworkError: if the name is unknown or the notation is wrong.
    """
    name, notation = split_architecture(architecture)
    if notation is not None:
        return parse_network(notation)
    if name not in ARCHITECTURES:
        raise NetworkError(
            f"there is no architecture called '{name}'; there are {', '.join(ARCHITECTURES)}, or write one as "
            "name[Conv-3x3x16, ReLU, MaxPool-2x2, FC-64]."
        )
    return ARCHITECTURES[name]


def with_configurable_activations(architecture: str) -> str:
    """Replace every activation by the one of the run's settings; a built-in name is returned unchanged."""
    name, notation = split_architecture(architecture)
    if notation is None:
        return architecture
    layers = [Act() if isinstance(layer, Act) else layer for layer in parse_network(notation)]
    return f"{name}[{format_network(layers)}]"


def activation_layers(summaries: Sequence[LayerSummary]) -> tuple[str, ...]:
    """Return the names of the activations, first to last."""
    return tuple(summary.name for summary in summaries if isinstance(summary.layer, Act))


def activation_units(summaries: Sequence[LayerSummary]) -> tuple[int, ...]:
    """Return the number of units (dense) or channels (convolution) of each activation."""
    return tuple(summary.output_shape[-1] for summary in summaries if isinstance(summary.layer, Act))


def count_parameters(architecture: str, input_shape: Shape, classes: int) -> int:
    """Return the number of learned parameters of the network, by formula."""
    return sum(summary.parameters for summary in summarize(architecture, input_shape, classes))


def build_network(
    architecture: str, input_shape: Shape, classes: int, spec: NetworkSpec, seed: int
) -> keras.Sequential:
    """Build the Keras network.

    Args:
        architecture: name or ``name[layers]``.
        input_shape: height, width and channels of the images.
        classes: number of logits.
        spec: activation and initialisation.
        seed: determines all initial values, independently of the global random state.

    Returns:
        A network from images [batch, height, width, channels] to logits [batch, classes].
    """
    import keras

    seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(layers_of(architecture)) + 2).tolist())
    layers: list[keras.layers.Layer] = []
    for summary in summarize(architecture, input_shape, classes):
        if isinstance(summary.layer, Dense) and len(summary.input_shape) > 1:
            layers.append(keras.layers.Flatten(name=f"flatten_{summary.name}"))
        layers.append(_keras_layer(summary, spec, next(seeds), next(seeds)))
    # All at once: each Sequential.add would call all layers before it again, 40 of 66 ms for cnn_5.
    return keras.Sequential([keras.Input(input_shape), *layers], name=architecture_name(architecture))


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
        case Act(name):
            return keras.layers.Activation(name or spec.activation, name=summary.name)


def _initializers(spec: NetworkSpec, fan_in: int, kernel_seed: int, bias_seed: int) -> dict[str, Any]:
    """Return Keras' initialiser arguments for kernel and bias.

    ``course`` is PyTorch's default, uniform in ±1/sqrt(fan_in) for both: variance scaling by 1/3 has the limit
    sqrt(3 * (1/3) / fan_in), which is the same. Keras doesn't know a bias' fan-in, so its limit is given explicitly.
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
    """Return the names of the layers with parameters, first to last, prediction layer included."""
    return tuple(summary.name for summary in summaries if summary.parameters)
