"""Sample images of a data set for display."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.base import ProgressCallback
from engine.datasets.download import without_downloads
from engine.datasets.prepare import class_counts
from engine.datasets.registry import load_raw
from engine.utils.arrays import Array


@dataclass(frozen=True)
class SampleImages:
    """Sample images, ordered by class.

    Attributes:
        counts: number of stored training images of each class, before any are held out.
        images: uint8 [k, height, width, channels] as stored.
        labels: class index of each image.
        test_counts: number of test images of each class; empty if the set has no test part.
        validation_counts: likewise.
        warnings: sentences on what was left out, changed or looks doubtful.
    """

    title: str
    class_names: tuple[str, ...]
    counts: tuple[int, ...]
    images: Array
    labels: tuple[int, ...]
    test_counts: tuple[int, ...] = ()
    validation_counts: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


def sample_images(spec: DataSpec, count: int, progress: ProgressCallback) -> SampleImages:
    """Select training images, spread evenly over the classes and within each; always the same ones.

    Never downloads: propagates ``NotDownloadedError`` if the set is missing, and the errors of ``load_raw``.

    Args:
        spec: the data set.
        count: number of images; fewer if there are fewer.
        progress: progress callback.
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
        counts=class_counts(raw, raw.y_train),
        images=np.array(raw.x_train[indices]),
        labels=tuple(raw.y_train[indices].tolist()),
        test_counts=() if raw.y_test is None else class_counts(raw, raw.y_test),
        validation_counts=() if raw.y_validation is None else class_counts(raw, raw.y_validation),
        warnings=raw.warnings,
    )


def _shares(counts: Array, total: int) -> list[int]:
    """Divide ``total`` among the classes as equally as their sizes allow; the first classes get the remainder."""
    shares = np.zeros(len(counts), np.int64)
    while total > 0 and (open_classes := np.flatnonzero(shares < counts)).size:
        each = max(1, total // open_classes.size)
        given = np.minimum(each, counts - shares)[open_classes][:total]
        shares[open_classes[: given.size]] += given
        total -= int(given.sum())
    return [int(share) for share in shares]
