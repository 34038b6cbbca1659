"""Sample images augmented for display, by the same code as in training."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from engine.config.augmentation import AugmentationSpec
from engine.devices.hardware import on_device
from engine.devices.names import CPU
from engine.training.augmentation.augmenter import Augmenter
from engine.utils.arrays import Array


def augment_samples(images: Array, spec: AugmentationSpec, seed: int) -> Array:
    """Return images as the first epoch of a run with ``seed`` would show them, if they were its only training images.

    Args:
        images: uint8 [n, height, width, channels].
        spec: the augmentation.
        seed: the run's seed.

    Returns:
        The same type and shape.
    """
    count, height, width, channels = images.shape
    if count == 0:
        return images
    with on_device(CPU):
        black, white = (0.0,) * channels, (1.0,) * channels
        augmenter = Augmenter(spec, seed, count, (height, width, channels), black, white)
        pixels = tf.constant(images.astype(np.float32) / np.float32(255))
        found, _ = augmenter.batch(pixels, tf.zeros(count, tf.int32), tf.range(count))
    shown: Array = np.rint(np.clip(found.numpy(), 0, 1) * 255).astype(np.uint8)
    return shown
