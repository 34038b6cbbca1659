"""Networks by name or notation: their layers with shapes and parameter counts, and construction in Keras.

A network ends with a dense layer that gives the logits ("prediction layer"), without softmax. An architecture is given
by name or as ``name[layers]`` in the notation of ``engine.networks.notation``; that text describes it completely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from engine.config.specs import NetworkSpec
from engine.networks.keras_layers import keras_layers
from engine.networks.layers import Act, Conv, Dense, DepthwiseConv, Layer, Shape, Skip, flattened, replaced
from engine.networks.notation import format_network, parse_network, split_architecture
from engine.networks.presets import ARCHITECTURES, COURSE_ARCHITECTURES
from engine.utils.errors import NetworkError

if TYPE_CHECKING:
    import keras

__all__ = [
    "ARCHITECTURES",
    "COURSE_ARCHITECTURES",
    "format_network",
    "parse_network",
    "summarize",
    "summarize_layers",
]

INPUT = "input"  # stands for the images among the inputs of a layer
PREDICTION_LAYER = "prediction"

# A dense layer of this size takes about as much memory as CIFAR-10; more is probably a typing error.
MAX_PARAMETERS = 50_000_000


@dataclass(frozen=True)
class LayerSummary:
    """A layer of a network for a given input shape.

    A ``Skip`` stands for the sum at the end of its block; the layers of its body and of its shortcut come before it.

    Attributes:
        parameters: number of learned parameters.
        inputs: names of the layers whose outputs it takes; ``INPUT`` for the images.
    """

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    parameters: int
    inputs: tuple[str, ...] = ()

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
        advice = "" if error.has_advice else "; choose larger images (image_size) or another architecture"
        raise NetworkError(
            f"{architecture_name(architecture)} can't be built on {input_shape[1]}x{input_shape[0]} images: {error}"
            f"{advice}."
        ) from None


def summarize_layers(layers: Sequence[Layer], input_shape: Shape, classes: int) -> tuple[LayerSummary, ...]:
    """Summarise layers that have no name, as ``summarize`` does.

    Raises:
        NetworkError: if there are too many parameters.
        _UnfitError: if a layer does not fit its input.
    """
    summaries: list[LayerSummary] = []
    _summarize_chain((*layers, Dense(classes)), INPUT, input_shape, summaries, Counter())
    total = sum(summary.parameters for summary in summaries)
    if total > MAX_PARAMETERS:
        raise NetworkError(
            f"The network would learn {total:,} parameters, and at most {MAX_PARAMETERS:,} are allowed; make its "
            "layers or the images smaller."
        )
    summaries[-1] = replace(summaries[-1], name=PREDICTION_LAYER)
    return tuple(summaries)


class _UnfitError(NetworkError):
    """A layer does not fit its input shape.

    Args:
        reason: why, as a clause.
        has_advice: whether it says what to do.
    """

    def __init__(self, reason: str, has_advice: bool = False) -> None:
        super().__init__(reason)
        self.has_advice = has_advice


def _summarize_chain(
    layers: Sequence[Layer], source: str, shape: Shape, summaries: list[LayerSummary], counts: Counter[str]
) -> tuple[str, Shape]:
    """Append the summaries of layers that follow each other.

    Args:
        layers: the layers.
        source: name of the layer whose output the first one takes.
        shape: of that output.
        summaries: those of the layers before.
        counts: number of layers of each kind before.

    Returns:
        The name of the last layer, and the shape of its output.

    Raises:
        _UnfitError: if a layer does not fit its input.
    """
    for layer in layers:
        sides = [(source, shape)]
        if isinstance(layer, Skip):
            sides = [_summarize_chain(each, source, shape, summaries, counts) for each in (layer.body, layer.shortcut)]
        inputs, shapes = zip(*sides, strict=True)
        kind = type(layer).__name__.lower()
        counts[kind] += 1
        name = f"{kind}_{counts[kind]}"
        try:
            output = layer.output_shape(*shapes)
        except NetworkError as error:
            raise _UnfitError(f"at {name}, {error}", has_advice=isinstance(layer, Skip)) from None
        summaries.append(LayerSummary(name, layer, shape, output, layer.parameters(shape), inputs))
        source, shape = name, output
    return source, shape


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
    layers = replaced(parse_network(notation), lambda layer: Act() if isinstance(layer, Act) else layer)
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


def build_network(architecture: str, input_shape: Shape, classes: int, spec: NetworkSpec, seed: int) -> keras.Model:
    """Build the Keras network.

    Args:
        architecture: name or ``name[layers]``.
        input_shape: height, width and channels of the images.
        classes: number of logits.
        spec: activation and initialisation.
        seed: determines all initial values, independently of the global random state.

    Returns:
        A network from images [batch, height, width, channels] to logits [batch, classes]: ``Sequential``, or functional
        if it has residual blocks.
    """
    import keras

    summaries = summarize(architecture, input_shape, classes)
    seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(summaries)).tolist())
    name = architecture_name(architecture)
    stages = [
        (summary, keras_layers(summary.layer, summary.name, summary.input_shape, spec, next(seeds), next(seeds)))
        for summary in summaries
    ]
    if not any(isinstance(summary.layer, Skip) for summary in summaries):
        # All at once: each Sequential.add would call all layers before it again, 40 of 66 ms for cnn_5.
        return keras.Sequential([keras.Input(input_shape), *(layer for _, each in stages for layer in each)], name=name)
    images = keras.Input(input_shape, name=INPUT)
    outputs = {INPUT: images}
    for summary, layers in stages:
        found = [outputs[each] for each in summary.inputs]
        value = found if len(found) > 1 else found[0]
        for layer in layers:
            value = layer(value)
        outputs[summary.name] = value
    return keras.Model(images, outputs[PREDICTION_LAYER], name=name)


def weight_layers(summaries: Sequence[LayerSummary]) -> tuple[str, ...]:
    """Return the names of the layers with weights (kernels), first to last, prediction layer included."""
    return tuple(summary.name for summary in summaries if isinstance(summary.layer, Conv | DepthwiseConv | Dense))


def all_layers(architecture: str) -> tuple[Layer, ...]:
    """Return the layers before the prediction layer, those inside of residual blocks included, as ``flattened``."""
    return tuple(flattened(layers_of(architecture)))
