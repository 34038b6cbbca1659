"""Sizes of the parts of a data set as training will find them, from headers alone."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.config.specs import DataSpec
from engine.datasets.base import StoredSizes
from engine.datasets.inventory import decoded_folders
from engine.datasets.registry import DATASETS
from engine.events.datasets import DatasetInfo
from engine.utils.files import check_file, open_file


@dataclass(frozen=True)
class DataSizes:
    """Shape (height, width, channels) of the prepared images, and number of classes and of images in each part."""

    shape: tuple[int, int, int]
    classes: int
    train_count: int
    validation_count: int
    test_count: int

    @classmethod
    def of(cls, info: DatasetInfo) -> DataSizes:
        """Return the sizes of a prepared data set."""
        counts = info.train_count, info.validation_count, info.test_count
        return cls(info.shape, len(info.class_names), *counts)


def find_sizes(spec: DataSpec) -> DataSizes | None:
    """Return the sizes that preparation of ``spec`` will give, without reading an image.

    Returns:
        None for a data set of the user's own that was never decoded on this machine.
    """
    # Those of the requested side first: the source may have changed since the others were decoded.
    folders = sorted(decoded_folders(spec.dataset), key=lambda each: f"-{spec.image_size or 'own'}-" not in each.name)
    decoded = next(filter(None, map(_read, folders)), None)
    source = DATASETS.get(spec.dataset)
    stored = decoded or (source.sizes if source is not None else None)
    return None if stored is None else _prepared(spec, stored)


def _read(folder: Path) -> StoredSizes | None:
    try:
        with open_file(folder / "about.json") as file:
            about = json.load(file)
        counts = {part: _header(folder / f"y_{part}.npy")[0] for part in about["parts"]}
        _, height, width, channels = _header(folder / "x_train.npy")
        return StoredSizes((height, width, channels), len(about["class_names"]), counts)
    except Exception:  # a damaged header makes NumPy raise almost anything
        return None


def _header(path: Path) -> tuple[int, ...]:
    check_file(path)
    shape: tuple[int, ...] = np.load(path, mmap_mode="r", allow_pickle=False).shape
    return shape


def _prepared(spec: DataSpec, stored: StoredSizes) -> DataSizes:
    """Return the sizes after the split (``engine.datasets.split``) and the preparation of images."""
    height, width, channels = stored.shape
    if spec.image_size is not None:
        height = width = spec.image_size
    counts, train = stored.counts, stored.counts["train"]
    test = counts.get("test", math.ceil(train * spec.test_fraction))
    train -= 0 if "test" in counts else test
    validation = counts.get("validation", math.ceil(train * spec.validation_fraction))
    train -= 0 if "validation" in counts else validation
    return DataSizes((height, width, 1 if spec.grayscale else channels), stored.classes, train, validation, test)
