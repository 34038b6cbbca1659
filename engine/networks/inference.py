"""Application of a trained network to a single image, with the output of each layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.datasets.prepare import Preparation
from engine.datasets.resize import resize_image
from engine.events.inference import LayerOutput, Probed
from engine.networks.architectures import LayerSummary
from engine.networks.continuation import check_format
from engine.networks.description import SavedNetwork, UnfitError
from engine.networks.description.saved import every_layer
from engine.networks.files import read_network
from engine.networks.layers import Dropout, SpatialDropout
from engine.networks.loading import build_saved
from engine.networks.notation import format_network
from engine.networks.training_images import TrainingImages
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

    It is converted to the stored number of channels, resized to the network's size and normalised.

    Args:
        image: uint8 [height, width, 1 or 3].
        preparation: that of the data set.
        shape: the network's input shape.

    Returns:
        float32 of ``shape``.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 1 else image))
    stored = resize_image(picture.convert("L" if preparation.channels == 1 else "RGB"), *shape[:2])
    pixels = np.array(stored).reshape(1, *shape[:2], preparation.channels)
    prepared: Array = preparation.apply(pixels)[0]
    return prepared


@dataclass(frozen=True)
class LoadedNetwork:
    """The network of a file, ready to be run.

    Attributes:
        shape: height, width and channels of its images.
        saved: as the file describes it.
        images: those it was trained on, if that is recorded.
        network: as built here.
        layers: its layers, in order, each with its name in the file.
    """

    shape: tuple[int, int, int]
    saved: SavedNetwork
    images: TrainingImages | None
    network: keras.Model
    layers: tuple[tuple[str, LayerSummary], ...]

    @property
    def architecture(self) -> str:
        """Its layers, as text."""
        return f"network[{self.saved.notation}]"


class Prober:
    """Runs trained networks on single images; keeps the last network loaded.

    The first call loads TensorFlow into this process.
    """

    def __init__(self) -> None:
        self._key: tuple[Path, int] | None = None
        self._loaded: LoadedNetwork | None = None
        self._names: tuple[str, ...] = ()
        self._compute: Compiled = _no_outputs

    def probe(self, model_file: Path, image: Array) -> Probed:
        """Run the network in ``model_file`` on ``image``, float32 [height, width, channels]; otherwise as ``load``.

        Raises:
            StoreError: if it takes images of another shape.
        """
        loaded = self.load(model_file)
        if loaded.shape != image.shape:
            raise StoreError(
                f"The trained network {model_file} can't be used: it is no network for images of "
                f"{'x'.join(map(str, image.shape))}; choose another one."
            )
        outputs = [np.asarray(output)[0] for output in self._compute(image[np.newaxis])]
        layers = [_layer_output(name, output) for name, output in zip(self._names, outputs, strict=True)]
        return Probed(softmax(outputs[-1]), (_layer_output("input", image), *layers))

    def load(self, model_file: Path) -> LoadedNetwork:
        """Return the network in ``model_file``.

        Raises:
            StoreError: if the file is missing or damaged, or of a network that can't be built here.
        """
        try:
            key = (model_file, model_file.stat().st_mtime_ns)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"The trained network {model_file} can't be read ({reason(error)}); choose another run or train it "
                "again."
            ) from None
        if key != self._key or self._loaded is None:
            self._key = self._loaded = None
            self._loaded = _load_network(model_file)
            # Without dropout, which only repeats the numbers of the layer before.
            shown = [
                (label, self._loaded.network.get_layer(summary.name))
                for label, summary in self._loaded.layers
                if not isinstance(summary.layer, Dropout | SpatialDropout)
            ]
            self._names = tuple(label for label, _ in shown)
            self._compute = _compile(self._loaded.network, [layer for _, layer in shown])
            self._key = key
        return self._loaded


def softmax(logits: Array) -> Array:
    """Return probabilities, float64, from logits along the last axis: exp(z) / sum exp(z), without overflow."""
    import scipy.special

    probabilities: Array = scipy.special.softmax(logits.astype(np.float64), axis=-1)
    return probabilities


def _load_network(model_file: Path) -> LoadedNetwork:
    """Load a network.

    Raises:
        StoreError: if the file is damaged, or of a network that can't be built here.
    """
    import keras

    keras.backend.clear_session()  # else the previous network stays in Keras' global state
    try:
        check_format(model_file)
        saved, images = read_network(model_file)
        shape = saved.image_shape
        network, summaries = build_saved(saved, model_file, shape)
    except UnfitError as error:
        raise StoreError(f"The trained network {model_file} can't be used: {error}; {error.advice}.") from None
    except Exception as error:  # a damaged file makes zipfile and h5py raise almost anything
        raise StoreError(
            f"The trained network {model_file} can't be used ({reason(error)}); choose another one or train it again."
        ) from None
    return LoadedNetwork(shape, saved, images, network, tuple(zip(_labels(saved), summaries, strict=True)))


def _labels(saved: SavedNetwork) -> Iterator[str]:
    """Yield a name for each layer: that in the file, with the activation where it is given as an argument."""
    before = ""
    for each in every_layer(saved.layers):
        yield f"{each.name}, {format_network([each.layer])}" if each.name == before else each.name
        before = each.name


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
