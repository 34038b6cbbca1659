"""Trained networks as TFLite files, now also called LiteRT: TensorFlow's format for phones and small devices."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from engine.devices.hardware import silence_stderr
from engine.exports.networks.onnx_graph import INPUT, LOGITS, PROBABILITIES
from engine.utils.arrays import Array
from engine.utils.errors import ExportError
from engine.utils.text import reason

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

TOLERANCE = 1e-3  # of the logits, relative to the largest; rounding is a thousandth of it
_CHECKED_IMAGES = 2


def write_tflite(path: Path, network: keras.Model) -> None:
    """Convert a network, in float32 without quantisation, and write it to ``path``.

    The file's signature takes ``images`` and gives ``logits`` and ``probabilities``. It is run once before it is
    written, as the converter can give wrong numbers silently.

    Raises:
        ExportError: if TensorFlow can't convert it.
        OSError: if it can't be written.
    """
    try:
        with silence_stderr():  # the compiler reports its progress there
            content = _convert(network)
            images = np.random.default_rng(0).uniform(-1, 1, (_CHECKED_IMAGES, *network.input_shape[1:]))
            deviation = _deviation(content, network, images.astype(np.float32))
    except OSError:
        raise
    except Exception as error:  # of TensorFlow's compiler, of any class
        log.exception("TFLite conversion failed")
        raise ExportError(f"TensorFlow can't convert {path.stem} to TFLite here ({reason(error)}).") from error
    if not deviation <= TOLERANCE:
        raise ExportError(f"TensorFlow's TFLite file of {path.stem} computes something else, so it was not written.")
    path.write_bytes(content)


def _convert(network: keras.Model) -> bytes:
    """Return the contents of the file.

    By way of a SavedModel: of the functions themselves, with TensorFlow 2.21, the converter makes files that give NaN.
    """
    import keras
    import tensorflow as tf

    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = network(images, training=False)
        return {LOGITS: logits, PROBABILITIES: tf.nn.softmax(logits)}

    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", serve, [tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, INPUT)])
    with TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        content: bytes = converter.convert()
    return content


def _deviation(content: bytes, network: keras.Model, images: Array) -> float:
    """Return the largest deviation of the file's logits from the network's, relative to the largest of these."""
    import tensorflow as tf

    with warnings.catch_warnings(action="ignore"):  # the interpreter is to be moved to a package of its own
        interpreter = tf.lite.Interpreter(model_content=content)
    expected = network(images, training=False).numpy()
    run = interpreter.get_signature_runner()
    found = np.concatenate([run(**{INPUT: image[np.newaxis]})[LOGITS] for image in images])
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-6))
