"""Verification of the decoded images on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from engine.config.specs import DataSpec
from engine.datasets.base import Part, ProgressCallback, RawImages, hash_blocks
from engine.datasets.inventory import remove_decoded
from engine.datasets.registry import load_raw
from engine.utils.arrays import Array

_BLOCK_IMAGES = 2000  # a few MB, so that cancelling takes effect soon


def verify(spec: DataSpec, progress: ProgressCallback) -> bool:
    """Download and decode a data set if necessary, and read all of it again.

    Downloads are compared with their published hash when loaded. Decoded images are hashed and decoded again if they
    differ from what was written. Propagates the errors of ``load_raw``.

    Returns:
        Whether the decoded images were intact.
    """
    raw = load_raw(spec, progress)
    if fingerprint(raw, progress) == raw.fingerprint:
        return True
    del raw  # its memory maps hold the files open
    remove_decoded(spec.dataset)
    load_raw(spec, progress)
    return False


def fingerprint(raw: RawImages, progress: ProgressCallback) -> str:
    """Return the SHA-256 in hex over images and labels, computed as ``RawImages.fingerprint`` is."""
    digest = hashlib.sha256()
    total, done = sum(len(labels) for _, labels in raw.parts.values()), 0
    for images, labels in raw.parts.values():
        for block in hash_blocks(Part(labels, images.shape[1:], _blocks(images)), digest):
            done += len(block)
            progress(f"Verifying {raw.title}", done, total)
    return digest.hexdigest()


def _blocks(images: Array) -> Iterator[Array]:
    for start in range(0, len(images), _BLOCK_IMAGES):
        yield images[start : start + _BLOCK_IMAGES]
