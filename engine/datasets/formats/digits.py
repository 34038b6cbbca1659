"""scikit-learn's handwritten digits: 1,797 images of 8x8, included in the library."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from engine.datasets.base import Decoded, NamedDataset, ProgressCallback, RawImages, StoredSizes, collect
from engine.datasets.resize import array_part
from engine.utils.arrays import Array

TITLE = "Digits"
SIDE = 32  # as CIFAR-10, so that the course's networks fit


def load(side: int | None, progress: ProgressCallback) -> RawImages:
    """Load the digits, enlarged to ``side`` pixels (32 if None): uint8 [1797, side, side, 1], no test part.

    The stored values, 0 to 16 (https://archive.ics.uci.edu/dataset/80), are scaled to 0 to 255.
    """
    progress("Loading the digits", 0, 1)
    table = _read_table()
    images = np.rint(table[:, :-1].reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    names = tuple(map(str, range(10)))
    raw = collect(Decoded(TITLE, names, array_part(images, table[:, -1].astype(np.int64), side or SIDE), None))
    progress("Loading the digits", 1, 1)
    return raw


def _read_table() -> Array:
    """Return float64 [1797, 65]: the pixels of each image, row by row, and its label.

    Read from scikit-learn's file, as importing ``sklearn.datasets`` takes half a second and 60 MiB; by that where the
    file is not in its place.
    """
    package = find_spec("sklearn")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.is_file():
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.column_stack([found.data, found.target])


DIGITS = NamedDataset(
    name="digits",
    title=TITLE,
    summary="1,797 handwritten digits, gray, enlarged from 8x8 to 32x32; no download",
    load=load,
    numbers=(1797, 10),
    sizes=StoredSizes((SIDE, SIDE, 1), 10, {"train": 1797}),
)
