"""Stratified split into training, validation and test images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.base import RawImages
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

# The split depends only on labels and shares, never on a run's seed, so that runs of all seeds are validated on the
# same images.
_RANDOM_STATE = 449


@dataclass(frozen=True)
class Split:
    """Ascending indices, int64, into the part that ``stored_part`` returns for each.

    A part that the data set lacks is held back from its training part.
    """

    train: Array
    validation: Array
    test: Array


def split(raw: RawImages, spec: DataSpec) -> Split:
    """Split a data set: a test share if it has no test part, then the validation share of the rest, likewise.

    Propagates ``DatasetError`` if a class is too small to be divided.
    """
    rest = np.arange(len(raw.y_train))
    if raw.y_test is None:
        rest, test = _hold_out(raw, rest, spec.test_fraction, "testing")
    else:
        test = np.arange(len(raw.y_test))
    if raw.y_validation is None:
        train, validation = _hold_out(raw, rest, spec.validation_fraction, "validation")
    else:
        train, validation = rest, np.arange(len(raw.y_validation))
    return Split(train, validation, test)


def stored_part(raw: RawImages, name: str) -> tuple[Array, Array]:
    """Return the stored images and labels that the indices of ``Split.<name>`` refer to."""
    return raw.parts.get(name, (raw.x_train, raw.y_train))


def chunks(images: Array, indices: Array, size: int) -> list[Array]:
    """Divide ``indices`` into ``images`` so that the images of each chunk take at most ``size`` bytes."""
    step = max(1, size // max(1, images[:1].nbytes))
    return [indices[start : start + step] for start in range(0, len(indices), step)]


def _hold_out(raw: RawImages, indices: Array, fraction: float, purpose: str) -> tuple[Array, Array]:
    """Return the kept and the held-out indices, both ascending."""
    labels = raw.y_train[indices]
    _check(raw, labels, fraction, purpose)
    held_out = _stratified_sample(labels, _held_out_count(labels, fraction))
    return indices[~held_out], indices[held_out]


def _held_out_count(labels: Array, fraction: float) -> int:
    return math.ceil(len(labels) * fraction)


def _stratified_sample(labels: Array, size: int) -> Array:
    """Choose ``size`` images at random, of each class its share: bool [n], true for those chosen.

    The same as ``sklearn.model_selection.train_test_split`` chooses, draw for draw, which was called here before;
    importing it takes half a second and 60 MiB in each training process.
    """
    generator = np.random.RandomState(_RANDOM_STATE)  # the legacy one, as there
    counts = np.unique(labels, return_counts=True)[1]
    of_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    kept = _shares(counts, len(labels) - size, generator)
    chosen = _shares(counts - kept, size, generator)
    sample = np.zeros(len(labels), bool)
    for images, first, count in zip(of_class, kept, chosen, strict=True):
        shuffled = images[generator.permutation(len(images))]
        sample[shuffled[first : first + count]] = True
    return sample


def _shares(counts: Array, total: int, generator: np.random.RandomState) -> Array:
    """Divide ``total`` among classes in proportion to ``counts``, int [classes].

    Shares are rounded down; what is left goes to those with the largest remainders, among equal ones by lot.
    """
    exact = counts / counts.sum() * total
    shares = np.floor(exact)
    remainders = exact - shares
    for remainder in np.unique(remainders)[::-1]:
        left = int(total - shares.sum())
        if left <= 0:
            break
        equal = np.flatnonzero(remainders == remainder)
        shares[generator.choice(equal, min(len(equal), left), replace=False)] += 1
    result: Array = shares.astype(np.int64)
    return result


def _check(raw: RawImages, labels: Array, fraction: float, purpose: str) -> None:
    """Check for classes and shares that can't be divided.

    Raises:
        DatasetError: if a class or a share is too small.
    """
    counts = np.bincount(labels, minlength=len(raw.class_names))
    smallest = int(np.argmin(counts))
    if counts[smallest] < 2:
        raise DatasetError(
            f"{raw.title} has too few images of class '{raw.class_names[smallest]}' to hold some back for {purpose}; "
            "add images or take the class out."
        )
    held_out = _held_out_count(labels, fraction)
    if min(held_out, len(labels) - held_out) < len(counts):
        key = "test_fraction" if purpose == "testing" else "validation_fraction"
        raise DatasetError(
            f"Holding back a share of {fraction:g} for {purpose} leaves {held_out} of {raw.title}'s {len(labels)} "
            f"images there and {len(labels) - held_out} here, fewer than its {len(counts)} classes; choose another "
            f"share ({key})."
        )
