"""Building of the network of a .keras file, and loading of its weights.

Nothing that a file describes is built by Keras or executed: the network is built as any other, and gets the file's
numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.config.specs import NetworkSpec
from engine.networks.architectures import LayerSummary, build_network, summarize
from engine.networks.continuation import explained, open_start
from engine.networks.description import SavedNetwork, UnfitError
from engine.networks.description.saved import every_layer
from engine.networks.files import read_weights
from engine.networks.layers import Shape
from engine.utils.errors import NetworkError

if TYPE_CHECKING:
    import keras


def load_weights(network: keras.Model, file: Path, architecture: str, activation: str) -> None:
    """Load the weights of a .keras file into ``network``, which is of ``architecture`` with ``activation``.

    Raises:
        NetworkError: if they can't be read, are those of another network, or are not finite.
    """
    start = open_start(file)
    start.activation_for(architecture, activation)
    shape, classes = network.input_shape[1:], network.output_shape[-1]
    start.check_data(shape, classes)
    with explained(file):
        fill_network(network, summarize(architecture, shape, classes), start.network, file)
    if not all(np.isfinite(values).all() for values in network.get_weights()):
        raise NetworkError(
            f"The network in {file} holds values that are no finite numbers, so nothing can be learned from there on; "
            "choose another one."
        )


def build_saved(saved: SavedNetwork, file: Path, shape: Shape) -> tuple[keras.Model, tuple[LayerSummary, ...]]:
    """Build the network of ``file`` for images of ``shape``, with its weights.

    Otherwise propagates errors as ``read_network``.

    Returns:
        The network, from images to logits, and its layers, in the order of ``saved``.

    Raises:
        UnfitError: if it takes other images, or the weights are not those of its layers.
    """
    if not saved.takes(shape):
        raise UnfitError(f"it is no network for images of {'x'.join(map(str, shape))}", "choose another one")
    architecture = f"network[{saved.notation}]"
    network = build_network(architecture, shape, saved.classes, NetworkSpec(), seed=0)
    summaries = summarize(architecture, shape, saved.classes)
    fill_network(network, summaries, saved, file)
    return network, summaries


def fill_network(network: keras.Model, summaries: tuple[LayerSummary, ...], saved: SavedNetwork, file: Path) -> None:
    """Load the weights of the layers ``saved`` of ``file`` into the same layers of ``network``; as ``build_saved``."""
    places = {}
    for summary, each in zip(summaries, every_layer(saved.layers), strict=True):
        shapes = [tuple(weight.shape) for weight in network.get_layer(summary.name).weights]
        places[summary.name] = {f"{each.place}/vars/{number}": shape for number, shape in enumerate(shapes)}
    values = read_weights(file, {place: shape for found in places.values() for place, shape in found.items()})
    for name, found in places.items():
        if found:
            network.get_layer(name).set_weights([values[place] for place in found])
