"""Checks of a split data set that need its pixels: images that occur in two parts, and colour that grayscale drops."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations

import numpy as np

from engine.datasets.base import ProgressCallback, RawImages
from engine.datasets.split import Split, chunks, stored_part
from engine.utils.arrays import Array
from engine.utils.text import pluralise

MESSAGE = "Looking for duplicates"
CHUNK_BYTES = 16 * 2**20  # between two reports of progress
NAMED = 3  # classes named in a warning
# Of the check of colour: images per class, classes looked at, fewest images of a class that tell anything.
SAMPLED, MAX_CLASSES, FEWEST = 48, 20, 10
# Two classes differ in colour alone if the nearest neighbour tells them apart by colour but hardly by brightness; by
# chance it is right for half of the images. Of CIFAR-10's classes, ship and frog come closest: 0.95 and 0.85.
TOLD_APART, NOT_TOLD_APART = 0.98, 0.75
# Standard deviation of the noise added to brightness and colour, from 0 to 1: smaller differences, such as those of
# rounding, are none.
BRIGHTNESS_NOISE, COLOUR_NOISE = 0.02, 0.002
MAX_SIDE = 64  # of an image looked at; of a larger one every n-th pixel is taken
QUANTILES = np.linspace(0, 1, 9)
THUMBNAIL = 4  # side of the grid of mean brightnesses


@dataclass(frozen=True)
class Duplicates:
    """Test images that equal a training or validation image.

    Attributes:
        count: their number.
        conflicting: how many of them equal only images of other classes.
        by_class: how many test images of each class, by name, without zeros, most first.
    """

    count: int
    conflicting: int
    by_class: tuple[tuple[str, int], ...]

    def warning(self, test_images: int) -> str:
        """Name them in one sentence, of ``test_images`` in all; empty without any."""
        if not self.count:
            return ""
        first, rest = self.by_class[:NAMED], self.by_class[NAMED:]
        named = ", ".join(f"{name}: {count:,}" for name, count in first)
        more = f", other classes: {sum(count for _, count in rest):,}" if rest else ""
        other = f"; {self.conflicting:,} of them under another class" if self.conflicting else ""
        verb = "equals" if self.count == 1 else "equal"
        return (
            f"{self.count:,} of {pluralise(test_images, 'test image')} {verb} a training or validation image pixel by "
            f"pixel ({named}{more}{other}), which raises test accuracy; take them out of one part."
        )


def find_duplicates(raw: RawImages, parts: Split, progress: ProgressCallback) -> Duplicates:
    """Compare test images with training and validation images, by a 128-bit hash of each image.

    Only the hashes of the test part are held. Propagates errors of ``progress``.
    """
    images, labels = stored_part(raw, "test")
    total, done = sum(len(each) for each in (parts.test, parts.train, parts.validation)), 0
    is_slow = total * images[:1].nbytes > CHUNK_BYTES  # otherwise not worth a message
    classes_elsewhere: dict[bytes, set[int]] = {}
    test_hashes: list[bytes] = []
    for chunk in chunks(images, parts.test, CHUNK_BYTES):
        if is_slow:
            progress(MESSAGE, done, total)
        test_hashes += [_hash(images[index]) for index in chunk]
        done += len(chunk)
    classes_elsewhere.update((each, set()) for each in test_hashes)
    for name, indices in (("train", parts.train), ("validation", parts.validation)):
        others, classes = stored_part(raw, name)
        for chunk in chunks(others, indices, CHUNK_BYTES):
            if is_slow:
                progress(MESSAGE, done, total)
            for index in chunk:
                if (seen := classes_elsewhere.get(_hash(others[index]))) is not None:
                    seen.add(int(classes[index]))
            done += len(chunk)
    if is_slow:
        progress(MESSAGE, total, total)
    return _tally(raw, labels[parts.test], [classes_elsewhere[each] for each in test_hashes])


def _tally(raw: RawImages, labels: Array, elsewhere: list[set[int]]) -> Duplicates:
    """Count duplicates, given for each test image its label and the classes of the images that equal it."""
    found = [int(label) for label, classes in zip(labels, elsewhere, strict=True) if classes]
    conflicting = sum(bool(classes) and label not in classes for label, classes in zip(labels, elsewhere, strict=True))
    counts = np.bincount(found, minlength=len(raw.class_names))
    order = [int(each) for each in np.argsort(-counts, kind="stable") if counts[each]]
    return Duplicates(len(found), conflicting, tuple((raw.class_names[each], int(counts[each])) for each in order))


def _hash(image: Array) -> bytes:
    return blake2b(image.tobytes(), digest_size=16).digest()


def grayscale_warning(raw: RawImages, parts: Split, luma: Array) -> str:
    """Look for two classes that differ in colour and hardly in brightness.

    A sample of training images is described by quantiles of brightness and by a thumbnail, and by quantiles of
    colour, brightness subtracted; the share of images whose nearest neighbour is of their class measures how well each
    tells two classes apart.

    Args:
        raw: images with three channels.
        parts: the split.
        luma: float [3], the weights of the channels when converted to gray, after normalisation.

    Returns:
        One sentence, or nothing if no two classes do so.
    """
    sample = _sample(raw, parts.train)
    if len(sample) < 2:
        return ""
    rows, columns = (-(-side // MAX_SIDE) for side in raw.x_train.shape[1:3])
    pixels = raw.x_train[:, ::rows, ::columns][np.concatenate(list(sample.values()))] / np.float32(255)
    gray = pixels @ (luma / luma.sum()).astype(np.float32)
    colour = np.concatenate([_quantiles(pixels[..., channel] - gray) for channel in (0, 2)], axis=1)
    noise = np.random.default_rng(0)
    features = ((colour, COLOUR_NOISE), (_quantiles(gray), BRIGHTNESS_NOISE), (_thumbnail(gray), BRIGHTNESS_NOISE))
    by_colour, *by_brightness = (
        _distances(values + noise.normal(0, deviation, values.shape)) for values, deviation in features
    )
    classes = np.repeat(list(sample), [len(images) for images in sample.values()])
    for first, second in combinations(sample, 2):
        labels = np.where((classes == first) | (classes == second), classes, -1)
        if _told_apart(by_colour, labels) >= TOLD_APART and all(
            _told_apart(each, labels) <= NOT_TOLD_APART for each in by_brightness
        ):
            return (
                f"The classes '{raw.class_names[first]}' and '{raw.class_names[second]}' differ in colour and hardly "
                "in brightness, and the conversion to gray drops colour; set grayscale=false."
            )
    return ""


def _sample(raw: RawImages, train: Array) -> dict[int, Array]:
    """Return some training images of each class that has enough: indices, ascending."""
    labels = raw.y_train[train]
    of_class = {number: train[labels == number] for number in range(len(raw.class_names))}
    chosen = [(number, images) for number, images in of_class.items() if len(images) >= FEWEST][:MAX_CLASSES]
    return {
        number: images[np.linspace(0, len(images) - 1, min(SAMPLED, len(images))).astype(int)]
        for number, images in chosen
    }


def _quantiles(values: Array) -> Array:
    """Quantiles of each image: float [images, height, width] to float [images, quantiles]."""
    return np.quantile(values.reshape(len(values), -1), QUANTILES, axis=1).T


def _thumbnail(gray: Array) -> Array:
    """Mean brightnesses over a grid: float [images, height, width] to float [images, cells]."""
    rows = np.array_split(gray, min(THUMBNAIL, gray.shape[1]), axis=1)
    cells = [np.array_split(row, min(THUMBNAIL, gray.shape[2]), axis=2) for row in rows]
    return np.stack([cell.mean(axis=(1, 2)) for row in cells for cell in row], axis=1)


def _distances(features: Array) -> Array:
    """Squared distances between images, infinite to themselves: float [images, images]."""
    squares = (features**2).sum(axis=1)
    distances: Array = squares[:, np.newaxis] + squares - 2 * features @ features.T
    np.fill_diagonal(distances, np.inf)
    return distances


def _told_apart(distances: Array, labels: Array) -> float:
    """Return the share of images whose nearest neighbour is of their class, among those whose label is not negative."""
    among = labels >= 0
    labels = labels[among]
    nearest = distances[np.ix_(among, among)].argmin(axis=1)
    return float((labels[nearest] == labels).mean())
