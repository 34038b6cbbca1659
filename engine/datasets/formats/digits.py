"""scikit-learn's handwritten digits: 1,797 images of 8x8, included in the library."""

from __future__ import annotations

import numpy as np

from engine.datasets.base import Contents, Decoded, NamedDataset, ProgressCallback, RawImages, collect
from engine.datasets.resize import array_part

TITLE = "Digits"
SIDE = 32  # as CIFAR-10, so that the course's networks fit


def load(side: int | None, progress: ProgressCallback) -> RawImages:
    """Load the digits, enlarged to ``side`` pixels (32 if None): uint8 [1797, side, side, 1], no test part.

    The stored values, 0 to 16 (https://archive.ics.uci.edu/dataset/80), are scaled to 0 to 255.
    """
    from sklearn.datasets import load_digits

    progress("Loading the digits", 0, 1)
    found = load_digits()
    images = np.rint(found.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    names = tuple(str(name) for name in found.target_names)
    raw = collect(Decoded(TITLE, names, array_part(images, found.target, side or SIDE), None))
    progress("Loading the digits", 1, 1)
    return raw


DIGITS = NamedDataset(
    name="digits",
    title=TITLE,
    summary="1,797 handwritten digits, gray, enlarged from 8x8 to 32x32; no download",
    load=load,
    numbers=(1797, 10),
    contents=Contents((SIDE, SIDE, 1), 10, {"train": 1797}),
)
