"""engine.datasets.sizes: sizes of prepared data sets, from headers alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets.inventory import decoded_folders
from engine.datasets.prepare import describe_dataset
from engine.datasets.sizes import DataSizes, find_sizes


def prepared(spec: DataSpec) -> DataSizes:
    return DataSizes.of(describe_dataset(spec, lambda _message, _done, _total: None))


@pytest.mark.parametrize("changes", [{}, {"image_size": 16}, {"validation_fraction": 0.33, "test_fraction": 0.17}])
def test_sizes_of_the_digits_are_those_that_the_preparation_gives(changes: dict[str, Any]) -> None:
    assert find_sizes(DataSpec(**changes)) == prepared(DataSpec(**changes))


@pytest.mark.parametrize("parts", [("train",), ("train", "test"), ("train", "validation", "test")])
def test_sizes_of_ones_own_images_are_known_once_they_were_decoded(tmp_path: Path, parts: tuple[str, ...]) -> None:
    arrays: dict[str, Any] = {}
    for part in parts:
        arrays[f"x_{part}"] = np.random.default_rng(0).integers(0, 256, (41, 9, 9, 3), np.uint8)
        arrays[f"y_{part}"] = np.arange(41) % 3
    np.savez(tmp_path / "own.npz", **arrays)
    spec = DataSpec(dataset=str(tmp_path / "own.npz"))
    assert find_sizes(spec) is None
    sizes = prepared(spec)
    assert find_sizes(spec) == sizes
    assert find_sizes(spec.replace(grayscale=False)) == replace(sizes, shape=(9, 9, 3))


def test_a_damaged_header_tells_nothing(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(tmp_path / "own.npz", x_train=images, y_train=np.arange(40) % 2)
    spec = DataSpec(dataset=str(tmp_path / "own.npz"))
    prepared(spec)
    (folder,) = decoded_folders(spec.dataset)
    (folder / "x_train.npy").write_bytes(b"\x93NUMPY")
    assert find_sizes(spec) is None
