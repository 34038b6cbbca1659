"""A layer's kernel as images, for the window and for exported figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.events.runs import Weights
from engine.utils.arrays import Array

GAP = 2  # pixels between two images of a grid
LEAST_SIDE = 24  # pixels; smaller kernels are enlarged, or the gaps would take most of a grid
LEAST_HEIGHT = 4  # pixels, for the strips of a dense layer that follows another


@dataclass(frozen=True)
class WeightImages:
    """A layer's kernel as ``images``, float32 [count, height, width, channels] with 1 or 3 channels.

    ``columns`` is how many stand in a row: then each row is an output (a unit, a class or a channel) and each column an
    input channel. None leaves the arrangement open: each image is an output.
    """

    images: Array
    columns: int | None


def weight_images(weights: Weights) -> WeightImages:
    """The kernel of any layer as images.

    A dense layer's inputs are laid out as the image they come from. One input channel gives a gray image for each
    output, three a colour image; any other number a row of gray images, one an input channel. A dense layer after
    another one gives a strip for each output.
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
    """The largest finite magnitude: images of one layer are shown from minus it (black) to plus it (white)."""
    finite = np.abs(images[np.isfinite(images)])
    return float(finite.max(initial=0.0)) or 1.0


def to_bytes(images: Array, scale: float) -> Array:
    """uint8 images of the same shape: 0 at -scale, 128 at 0, 255 at +scale; 128 where a weight is no number."""
    return np.clip(np.rint(127.5 * (np.nan_to_num(images, nan=0.0) / scale + 1)), 0, 255).astype(np.uint8)


def tile(images: Array, background: int, columns: int | None = None) -> Array:
    """uint8 [count, h, w, c] as a grid uint8 [H, W, c] with :data:`GAP` pixels around each image.

    Near square, unless ``columns`` says how many stand in a row.
    """
    count, height, width, channels = images.shape
    factor = max(math.ceil(LEAST_SIDE / max(height, width)), math.ceil(LEAST_HEIGHT / min(height, width)))
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
    """A number of columns that leaves no cell empty, where one near the square root does; else the square root."""
    square = math.ceil(math.sqrt(count))
    return next((columns for columns in range(square, 2 * square + 1) if count % columns == 0), square)
