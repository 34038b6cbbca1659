"""Application of a trained network to a single image, with the output of each layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.datasets.prepare import Preparation
from engine.datasets.resize import resize_image
from engine.events.inference import LayerOutput, Probed
from engine.networks.description import SavedNetwork, UnfitError
from engine.networks.description.saved import every_layer
from engine.networks.files import read_network
from engine.networks.layers import Dropout, SpatialDropout
from engine.networks.loading import build_saved
from engine.networks.notation import format_network
from engine.utils.arrays import Array
from engine.utils.errors import StoreError
from engine.utils.text import reason

if TYPE_CHECKING:
    import keras

# More can't be told apart on a screen and would take long to transfer.
MAX_CHANNELS = 64
MAX_UNITS = 512
MAX_MAP_SIDE = 128  # pixels

Compiled = Callable[[Array], list[Any]]


def prepare_image(image: Array, preparation: Preparation, shape: tuple[int, int, int]) -> Array:
    """Prepare any image as the data set's own images are.

    It is converted to the stored number of channels, resized to the network's side and normalised.

    Args:
        image: uint8 [height, width, 1 or 3].
        preparation: that of the data set.
        shape: the network's input shape.

    Returns:
        float32 of ``shape``.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 1 else image))
    stored = resize_image(picture.convert("L" if preparation.channels == 1 else "RGB"), shape[0])
    pixels = np.array(stored).reshape(1, *stored.size, preparation.channels)
    prepared: Array = preparation.apply(pixels)[0]
    return prepared


class Prober:
    """Runs trained networks on single images; keeps the last network loaded.

    The first call loads TensorFlow into this process.
    """

    def __init__(self) -> None:
        self._key: tuple[Path, int] | None = None
        self._names: tuple[str, ...] = ()
        self._compute: Compiled = _no_outputs

    def probe(self, model_file: Path, image: Array) -> Probed:
        """Run the network in ``model_file`` on ``image``, float32 [height, width, channels].

        Propagates ``StoreError`` if the file is missing, damaged or of another network.
        """
        self._load(model_file, image.shape)
        outputs = [np.asarray(output)[0] for output in self._compute(image[np.newaxis])]
        layers = [_layer_output(name, output) for name, output in zip(self._names, outputs, strict=True)]
        return Probed(softmax(outputs[-1]), (_layer_output("input", image), *layers))

    def _load(self, model_file: Path, shape: tuple[int, ...]) -> None:
        try:
            key = (model_file, model_file.stat().st_mtime_ns)
        except OSError as error:
            raise StoreError(
                f"The trained network {model_file} can't be read ({error.strerror}); choose another run or train it "
                "again."
            ) from None
        if key != self._key:
            self._key = None
            self._names, self._compute = _load_network(model_file, shape)
            self._key = key


def softmax(logits: Array) -> Array:
    """Return probabilities, float64, from logits along the last axis: exp(z) / sum exp(z), without overflow."""
    import scipy.special

    probabilities: Array = scipy.special.softmax(logits.astype(np.float64), axis=-1)
    return probabilities


def _load_network(model_file: Path, shape: tuple[int, ...]) -> tuple[tuple[str, ...], Compiled]:
    """Load a network.

    Returns:
        The names of the layers with an output of their own, and the function that computes their outputs.

    Raises:
        StoreError: if the file is damaged or of another network.
    """
    import keras

    keras.backend.clear_session()  # else the previous network stays in Keras' global state
    try:
        saved, _ = read_network(model_file)
        network, summaries = build_saved(saved, model_file, shape)
    except UnfitError as error:
        raise StoreError(f"The trained network {model_file} can't be used: {error}; {error.advice}.") from None
    except Exception as error:  # a damaged file makes zipfile and h5py raise almost anything
        raise StoreError(
            f"The trained network {model_file} can't be used ({reason(error)}); choose another one or train it again."
        ) from None
    # Without dropout, which only repeats the numbers of the layer before.
    shown = {
        summary.name: label
        for summary, label in zip(summaries, layer_labels(saved), strict=True)
        if not isinstance(summary.layer, Dropout | SpatialDropout)
    }
    return tuple(shown.values()), _compile(network, [network.get_layer(name) for name in shown])


def layer_labels(saved: SavedNetwork) -> tuple[str, ...]:
    """Return a name of each layer: that in the file, with the activation where it is given as an argument."""
    labels: list[str] = []
    before = ""
    for each in every_layer(saved.layers):
        labels.append(f"{each.name}, {format_network([each.layer])}" if each.name == before else each.name)
        before = each.name
    return tuple(labels)


def _compile(network: keras.Model, layers: list[keras.layers.Layer]) -> Compiled:
    import keras
    import tensorflow as tf

    model = keras.Model(network.inputs, [layer.output for layer in layers])
    signature = [tf.TensorSpec((1, *network.input_shape[1:]), tf.float32)]
    compiled: Compiled = tf.function(lambda image: model(image, training=False), input_signature=signature)
    return compiled


def _no_outputs(_image: Array) -> list[Any]:
    return []


def _layer_output(name: str, output: Array) -> LayerOutput:
    values = _shrink(output[..., :MAX_CHANNELS]) if output.ndim == 3 else output[:MAX_UNITS]
    return LayerOutput(name, output.shape, np.array(values))


def _shrink(maps: Array) -> Array:
    """Average maps [height, width, channels] over squares to at most ``MAX_MAP_SIDE``, dropping a remainder."""
    height, width, channels = maps.shape
    side = math.ceil(max(height, width) / MAX_MAP_SIDE)
    if side == 1:
        return maps
    rows, columns = height // side, width // side
    squares = maps[: rows * side, : columns * side].reshape(rows, side, columns, side, channels)
    means: Array = squares.mean(axis=(1, 3))
    return means
