"""A layer's kernel as images, for the window and for exported figures."""

from __future__ import annotations

import math

import numpy as np

from engine.arrays import Array
from engine.events import Weights

GAP = 2  # pixels between two images of a grid
LEAST_SIDE = 24  # pixels; smaller kernels are enlarged, or the gaps would take most of a grid


def weight_images(weights: Weights) -> Array:
    """One image a unit or output channel: float32 [count, height, width, channels], channels 1 or 3.

    A dense layer's inputs are laid out as the image they come from. Three input channels are shown as red, green and
    blue; any other number is averaged.
    """
    values = weights.values
    if values.ndim == 2 and len(weights.input_shape) == 3:
        height, width, channels = weights.input_shape
        values = values.reshape(len(values), channels, height, width)
    elif values.ndim == 2:
        values = values[:, np.newaxis, np.newaxis, :]
    if values.shape[1] != 3:
        values = values.mean(axis=1, keepdims=True)
    return values.transpose(0, 2, 3, 1)


def common_scale(images: Array) -> float:
    """The largest magnitude: images of one layer are shown from minus it (black) to plus it (white)."""
    return float(np.abs(images).max()) or 1.0


def to_bytes(images: Array, scale: float) -> Array:
    """uint8 images of the same shape: 0 at -scale, 128 at 0, 255 at +scale."""
    return np.clip(np.rint(127.5 * (images / scale + 1)), 0, 255).astype(np.uint8)


def tile(images: Array, background: int) -> Array:
    """uint8 [count, h, w, c] as one near-square grid uint8 [H, W, c], with :data:`GAP` pixels around each image."""
    count, height, width, channels = images.shape
    factor = math.ceil(LEAST_SIDE / max(height, width)) if max(height, width) < LEAST_SIDE else 1
    images, height, width = images.repeat(factor, axis=1).repeat(factor, axis=2), height * factor, width * factor
    columns = _columns(count)
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
