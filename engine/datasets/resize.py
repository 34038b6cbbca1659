"""Resizing of images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from engine.datasets.base import Part
from engine.utils.arrays import Array

if TYPE_CHECKING:
    from PIL.Image import Image

# The bounds of DataSpec.image_size.
SMALLEST_SIDE, LARGEST_SIDE = 4, 512
_BLOCK_BYTES = 8 * 2**20


def usual_side(height: int, width: int) -> int:
    """Return the default square side in pixels: the longer side, limited to 4 to 512."""
    return min(max(height, width, SMALLEST_SIDE), LARGEST_SIDE)


def resize_image(image: Image, height: int, width: int | None = None) -> Image:
    """Stretch or shrink an image to ``height`` x ``width`` pixels, by default a square, ignoring its aspect ratio.

    Bilinear; when shrinking, Pillow widens the filter's support, so no pixel is skipped, and first reduces by an
    integer factor if it shrinks a lot (``reducing_gap``).
    """
    from PIL.Image import Resampling

    size = (height if width is None else width, height)
    return image if image.size == size else image.resize(size, Resampling.BILINEAR, reducing_gap=3.0)


def array_part(images: Array, labels: Array, side: int) -> Part:
    """Make a part of uint8 images [n, height, width, channels] and labels [n], resized to ``side``."""
    shape = (side, side, images.shape[3])
    return Part(labels.astype(np.int64), shape, _blocks(images, side))


def _blocks(images: Array, side: int) -> Iterator[Array]:
    step = max(1, _BLOCK_BYTES // max(1, images[:1].size))
    for start in range(0, len(images), step):
        block = images[start : start + step]
        yield block if block.shape[1:3] == (side, side) else np.stack([_resized(image, side) for image in block])


def _resized(image: Array, side: int) -> Array:
    from PIL.Image import fromarray

    flat = image[:, :, 0] if image.shape[2] == 1 else image
    resized = np.asarray(resize_image(fromarray(np.ascontiguousarray(flat)), side))
    return resized.reshape(side, side, image.shape[2])
