"""Shows a trained network a single image, and what each of its layers makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.datasets.prepare import Preparation
from engine.datasets.resize import resize_image
from engine.events.inference import LayerOutput, Probed
from engine.networks.files import check_network
from engine.utils.arrays import Array
from engine.utils.errors import StoreError
from engine.utils.text import reason

if TYPE_CHECKING:
    import keras

# More than these can't be told apart on a screen, and would take long to get there.
MOST_CHANNELS = 64
MOST_UNITS = 512
LARGEST_MAP = 128  # pixels

Compiled = Callable[[Array], list[Any]]


def prepare_image(image: Array, preparation: Preparation, shape: tuple[int, int, int]) -> Array:
    """Any image, uint8 [height, width, 1 or 3], as a network with inputs of ``shape`` is fed it: float32 of that shape.

    The way of the data set's own images: made gray or colour as they are stored, resized to their side, prepared.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 1 else image))
    stored = resize_image(picture.convert("L" if preparation.channels == 1 else "RGB"), shape[0])
    pixels = np.array(stored).reshape(1, *stored.size, preparation.channels)
    prepared: Array = preparation.apply(pixels)[0]
    return prepared


class Prober:
    """Asks trained networks; keeps the one asked last. The first question loads TensorFlow into this process."""

    def __init__(self) -> None:
        self._key: tuple[Path, int] | None = None
        self._names: tuple[str, ...] = ()
        self._compute: Compiled = _nothing

    def probe(self, model_file: Path, image: Array) -> Probed:
        """What the network in ``model_file`` makes of ``image``, float32 [height, width, channels].

        Raises :class:`StoreError` where the file is missing, damaged or of another network.
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
            self._names, self._compute = _read(model_file, shape)
            self._key = key


def softmax(logits: Array) -> Array:
    """Probabilities, float64, from logits along the last axis: exp(z) / sum exp(z), without overflow."""
    import scipy.special

    probabilities: Array = scipy.special.softmax(logits.astype(np.float64), axis=-1)
    return probabilities


def _read(model_file: Path, shape: tuple[int, ...]) -> tuple[tuple[str, ...], Compiled]:
    """The names of the layers that have something of their own to show, and what computes their outputs."""
    import keras

    keras.backend.clear_session()  # the network before would stay in Keras' global state
    try:
        check_network(model_file, shape)
        # Safe mode is Keras' refusal to run code that a file brings along.
        network = keras.saving.load_model(model_file, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file makes Keras raise almost anything
        raise _unusable(model_file, reason(error)) from None
    # Flattening shows the same numbers once more.
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.Flatten)]
    return tuple(layer.name for layer in layers), _compiled(network, layers)


def _compiled(network: keras.Sequential, layers: list[keras.layers.Layer]) -> Compiled:
    import keras
    import tensorflow as tf

    model = keras.Model(network.inputs, [layer.output for layer in layers])
    signature = [tf.TensorSpec((1, *network.input_shape[1:]), tf.float32)]
    compiled: Compiled = tf.function(lambda image: model(image, training=False), input_signature=signature)
    return compiled


def _nothing(_image: Array) -> list[Any]:
    return []


def _unusable(model_file: Path, problem: str) -> StoreError:
    return StoreError(f"The trained network {model_file} can't be used ({problem}); train it again.")


def _layer_output(name: str, output: Array) -> LayerOutput:
    values = _shrunk(output[..., :MOST_CHANNELS]) if output.ndim == 3 else output[:MOST_UNITS]
    return LayerOutput(name, output.shape, np.array(values))


def _shrunk(maps: Array) -> Array:
    """Maps [height, width, channels] no larger than :data:`LARGEST_MAP`: means over squares, a rest left out."""
    height, width, channels = maps.shape
    side = math.ceil(max(height, width) / LARGEST_MAP)
    if side == 1:
        return maps
    rows, columns = height // side, width // side
    squares = maps[: rows * side, : columns * side].reshape(rows, side, columns, side, channels)
    means: Array = squares.mean(axis=(1, 3))
    return means
