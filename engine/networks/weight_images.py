"""A layer's weights as images, for the window and for exported figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.events.runs import Weights
from engine.utils.arrays import Array

GAP = 2  # pixels between two images of a grid
MIN_SIDE = 24  # pixels; smaller images are enlarged, or the gaps would fill most of the grid
MIN_HEIGHT = 4  # pixels, for the strips of a dense layer that follows another


@dataclass(frozen=True)
class WeightImages:
    """The weights of a layer as images.

    Attributes:
        images: float32 [count, height, width, channels] with 1 or 3 channels.
        columns: number of images in a row: each row is then an output (a unit, class or channel) and each column an
            input channel. None if each image is an output, in any arrangement.
    """

    images: Array
    columns: int | None


def weight_images(weights: Weights) -> WeightImages:
    """Convert the weights of a layer to images.

    The inputs of a dense layer are arranged as the image that they come from. With one input channel, each output gives
    a gray image, with three a colour image, with other numbers a row of gray images, one per input channel. A dense
    layer after another one gives a strip for each output.
    """
    values = weights.values
    if values.ndim == 2 and len(weights.input_shape) == 3:
        height, width, channels = weights.input_shape
        values = values.reshape(len(values), channels, height, width)
    elif values.ndim == 2:
        return WeightImages(values[:, np.newaxis, :, np.newaxis], columns=1)
    if values.shape[1] in (1, 3):
        return WeightImages(values.transpose(0, 2, 3, 1), columns=None)
    outputs, channels, height, width = values.shape
    return WeightImages(values.reshape(outputs * channels, height, width, 1), columns=channels)


def common_scale(images: Array) -> float:
    """Return the largest finite magnitude; images of a layer are shown from its negative (black) to it (white)."""
    finite = np.abs(images[np.isfinite(images)])
    return float(finite.max(initial=0.0)) or 1.0


def to_bytes(images: Array, scale: float) -> Array:
    """Convert to uint8: 0 at -scale, 128 at 0 and for NaN, 255 at +scale."""
    return np.clip(np.rint(127.5 * (np.nan_to_num(images, nan=0.0) / scale + 1)), 0, 255).astype(np.uint8)


def tile(images: Array, background: int, columns: int | None = None) -> Array:
    """Arrange images in a grid.

    Args:
        images: uint8 [count, height, width, channels].
        background: gray value of the ``GAP`` pixels around each image.
        columns: number of images in a row; None makes the grid nearly square.

    Returns:
        uint8 [grid height, grid width, channels].
    """
    count, height, width, channels = images.shape
    factor = max(math.ceil(MIN_SIDE / max(height, width)), math.ceil(MIN_HEIGHT / min(height, width)))
    images, height, width = images.repeat(factor, axis=1).repeat(factor, axis=2), height * factor, width * factor
    columns = columns or _columns(count)
    rows = math.ceil(count / columns)
    grid = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), background, dtype=np.uint8)
    for index, image in enumerate(images):
        top = GAP + index // columns * (height + GAP)
        left = GAP + index % columns * (width + GAP)
        grid[top : top + height, left : left + width] = image
    return grid


def _columns(count: int) -> int:
    """Return a number of columns without empty cells if one is near the square root, else the square root."""
    square = math.ceil(math.sqrt(count))
    return next((columns for columns in range(square, 2 * square + 1) if count % columns == 0), square)
