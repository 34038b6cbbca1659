"""What is drawn for each training image of an epoch: a function of the run's seed, the epoch and the image's number.

So an epoch can be repeated alone, a resumed run sees the same images, and an image doesn't depend on the others of its
batch. All images of an epoch are drawn at once, which takes milliseconds, and by NumPy, so that every device gets the
same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.config.augmentation import AugmentationSpec
from engine.utils.arrays import Array

# Distinguishes these draws from the order of the images, which is drawn from seed and epoch alone.
_STREAM = 1
_DRAWS = 10  # numbers of an image; as many whatever the settings, so that one of them doesn't change another's draws
_DECIMALS = 9  # to which transforms are rounded, so that turns by right angles meet pixels exactly


@dataclass(frozen=True)
class Draws:
    """What is done to each image; arrays over the n images.

    Attributes:
        transforms: float32 [n, 8], from places in the augmented image to places in the given one, as TensorFlow's
            ``ImageProjectiveTransformV3`` takes them.
        contrast: float32 [n], the factor of the distance from medium gray.
        brightness: float32 [n], added to pixels in [0, 1].
        cutout: int32 [n, 2], top row and left column of the square; may lie outside.
        partners: int32 [n], number of the image that is mixed in.
        weights: float32 [n], share of the image itself in the mixture.
    """

    transforms: Array
    contrast: Array
    brightness: Array
    cutout: Array
    partners: Array
    weights: Array


def draw(spec: AugmentationSpec, seed: int, epoch: int, count: int, shape: tuple[int, ...]) -> Draws:
    """Draw what is done to each training image in an epoch.

    Args:
        spec: the settings.
        seed: the run's seed.
        epoch: from 0.
        count: number of training images.
        shape: height and width of the images, and more.
    """
    height, width = shape[:2]
    generator = np.random.default_rng([seed, epoch, _STREAM])
    flip, down, right, turn, zoom, contrast, brightness, row, column, partner = generator.random((count, _DRAWS)).T
    weights = generator.beta(spec.mixup, spec.mixup, count) if spec.mixup > 0 else np.ones(count)
    places = 2 * spec.shift + 1
    transforms = affine_transforms(
        (height, width),
        flips=(flip < 0.5) & spec.flip,
        shifts=np.floor(np.stack([down, right], axis=1) * places) - spec.shift,
        degrees=_around(0.0, spec.rotation, turn),
        zooms=_around(1.0, spec.zoom, zoom),
    )
    centres = np.stack([row * height, column * width], axis=1)
    return Draws(
        transforms=transforms,
        contrast=_around(1.0, spec.contrast, contrast).astype(np.float32),
        brightness=_around(0.0, spec.brightness, brightness).astype(np.float32),
        cutout=np.floor(centres).astype(np.int32) - spec.cutout // 2,
        partners=np.floor(partner * count).astype(np.int32),
        weights=weights.astype(np.float32),
    )


def affine_transforms(size: tuple[int, int], flips: Array, shifts: Array, degrees: Array, zooms: Array) -> Array:
    """Compose a flip, a rotation, a zoom and a shift, done in this order, into one transform for each image.

    Args:
        size: height and width.
        flips: bool [n], whether left and right are exchanged.
        shifts: [n, 2], pixels downwards and to the right.
        degrees: [n], counterclockwise about the centre.
        zooms: [n], factor of magnification about the centre.

    Returns:
        float32 [n, 8], as in ``Draws``.
    """
    centre = (np.array(size)[::-1] - 1) / 2  # x, y
    angles = np.deg2rad(degrees)
    cosines, sines = np.cos(angles) / zooms, np.sin(angles) / zooms
    signs = np.where(flips, -1.0, 1.0)
    matrices = np.stack([signs * cosines, -signs * sines, sines, cosines], axis=1).reshape(-1, 2, 2)
    offsets = centre - np.einsum("nij,nj->ni", matrices, centre + shifts[:, ::-1])
    rows = np.concatenate([matrices, offsets[:, :, np.newaxis]], axis=2).reshape(-1, 6)
    return np.pad(np.round(rows, _DECIMALS), ((0, 0), (0, 2))).astype(np.float32)


def _around(middle: float, spread: float, draws: Array) -> Array:
    """Return numbers between ``middle`` - ``spread`` and ``middle`` + ``spread`` for draws from 0 to 1."""
    return middle + spread * (2 * draws - 1)
