"""Which images are trained on, and which are held back: the same share of every class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.base import RawImages
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

# The split is the data set's: it depends on the labels and the shares alone, never on a run's seed, so that runs of any
# seed are validated on the same images.
_RANDOM_STATE = 449


@dataclass(frozen=True)
class Split:
    """Rising indices, int64: ``train`` and ``validation`` into x_train; ``test`` into x_test, else x_train as well."""

    train: Array
    validation: Array
    test: Array


def split(raw: RawImages, spec: DataSpec) -> Split:
    """The split of a data set: a test share where it has no test part, then the validation share of what remains.

    Raises :class:`DatasetError` where a class is too small to be shared out.
    """
    rest = np.arange(len(raw.y_train))
    if raw.y_test is None:
        rest, test = _held_back(raw, rest, spec.test_fraction, "testing")
    else:
        test = np.arange(len(raw.y_test))
    train, validation = _held_back(raw, rest, spec.validation_fraction, "validation")
    return Split(train, validation, test)


def _held_back(raw: RawImages, indices: Array, fraction: float, purpose: str) -> tuple[Array, Array]:
    """What stays and what is held back, both rising."""
    from sklearn.model_selection import train_test_split

    labels = raw.y_train[indices]
    _check(raw, labels, fraction, purpose)
    kept, held = train_test_split(indices, test_size=fraction, stratify=labels, random_state=_RANDOM_STATE)
    return np.sort(kept), np.sort(held)


def _check(raw: RawImages, labels: Array, fraction: float, purpose: str) -> None:
    """Raises :class:`DatasetError` in the cases that scikit-learn would refuse."""
    counts = np.bincount(labels, minlength=len(raw.class_names))
    smallest = int(np.argmin(counts))
    if counts[smallest] < 2:
        raise DatasetError(
            f"{raw.title} has too few images of class '{raw.class_names[smallest]}' to hold some back for {purpose}; "
            "add images or take the class out."
        )
    held = math.ceil(len(labels) * fraction)
    if min(held, len(labels) - held) < len(counts):
        key = "test_fraction" if purpose == "testing" else "validation_fraction"
        raise DatasetError(
            f"Holding back a share of {fraction:g} for {purpose} leaves {held} of {raw.title}'s {len(labels)} images "
            f"there and {len(labels) - held} here, fewer than its {len(counts)} classes; choose another share "
            f"({key})."
        )
