"""Whether the images kept on disk still are what was decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from engine.config.specs import DataSpec
from engine.datasets.base import Part, ProgressCallback, RawImages, hashed
from engine.datasets.inventory import remove_decoded
from engine.datasets.registry import load_raw
from engine.utils.arrays import Array

_IMAGES_A_BLOCK = 2000  # a few MB, so that a cancel is soon heard


def verify(spec: DataSpec, progress: ProgressCallback) -> bool:
    """Download and decode a data set where that is missing, and read all of it again.

    Downloads are compared with their published hash as they are loaded. The decoded images are hashed; where they
    differ from what was written they are decoded anew. Gives whether all was sound. Raises as
    :func:`~engine.datasets.registry.load_raw` does.
    """
    raw = load_raw(spec, progress)
    if fingerprint(raw, progress) == raw.fingerprint:
        return True
    del raw  # its memory maps hold the files open
    remove_decoded(spec.dataset)
    load_raw(spec, progress)
    return False


def fingerprint(raw: RawImages, progress: ProgressCallback) -> str:
    """SHA-256 in hex over images and labels, as :attr:`RawImages.fingerprint` is made."""
    digest = hashlib.sha256()
    parts = [(raw.x_train, raw.y_train)]
    if raw.x_test is not None and raw.y_test is not None:
        parts.append((raw.x_test, raw.y_test))
    total, done = sum(len(labels) for _, labels in parts), 0
    for images, labels in parts:
        for block in hashed(Part(labels, images.shape[1:], _blocks(images)), digest):
            done += len(block)
            progress(f"Verifying {raw.title}", done, total)
    return digest.hexdigest()


def _blocks(images: Array) -> Iterator[Array]:
    for start in range(0, len(images), _IMAGES_A_BLOCK):
        yield images[start : start + _IMAGES_A_BLOCK]
