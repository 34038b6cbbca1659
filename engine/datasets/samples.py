"""A few images of a data set, to be looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.base import ProgressCallback
from engine.datasets.download import without_downloads
from engine.datasets.registry import load_raw
from engine.utils.arrays import Array


@dataclass(frozen=True)
class SampleImages:
    """``images`` uint8 [k, height, width, channels] as stored, by class, and the class index of each.

    ``counts`` has the number of stored training images of each class, before any are held back, ``test_counts`` that of
    test images, where the set has a test part of its own.
    """

    title: str
    class_names: tuple[str, ...]
    counts: tuple[int, ...]
    images: Array
    labels: tuple[int, ...]
    test_counts: tuple[int, ...] = ()


def sample_images(spec: DataSpec, count: int, progress: ProgressCallback) -> SampleImages:
    """``count`` training images (fewer where there are fewer), spread evenly over the classes and within each.

    The same ones every time. Looking at a data set never downloads it: raises
    :class:`~engine.datasets.download.NotDownloadedError` where that would be needed, and else as
    :func:`~engine.datasets.registry.load_raw` does.
    """
    with without_downloads():
        raw = load_raw(spec, progress)
    counts = np.bincount(raw.y_train, minlength=len(raw.class_names))
    chosen = [
        np.flatnonzero(raw.y_train == label)[np.arange(share) * int(counts[label]) // max(share, 1)]
        for label, share in enumerate(_shares(counts, count))
    ]
    indices = np.concatenate(chosen)
    return SampleImages(
        title=raw.title,
        class_names=raw.class_names,
        counts=_counts(raw.y_train, len(raw.class_names)),
        images=np.array(raw.x_train[indices]),
        labels=tuple(raw.y_train[indices].tolist()),
        test_counts=() if raw.y_test is None else _counts(raw.y_test, len(raw.class_names)),
    )


def _counts(labels: Array, classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=classes).tolist())


def _shares(counts: Array, total: int) -> list[int]:
    """How many of each class: as equal as their sizes allow, the first classes getting what is left over."""
    shares = np.zeros(len(counts), np.int64)
    while total > 0 and (open_classes := np.flatnonzero(shares < counts)).size:
        each = max(1, total // open_classes.size)
        given = np.minimum(each, counts - shares)[open_classes][:total]
        shares[open_classes[: given.size]] += given
        total -= int(given.sum())
    return [int(share) for share in shares]
