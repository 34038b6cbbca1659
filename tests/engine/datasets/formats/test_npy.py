"""engine.datasets.formats.npy: arrays in files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import RawImages, load_raw
from engine.datasets.formats import npy
from engine.datasets.inventory import inventory
from engine.datasets.registry import check_path
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import pixels, quiet

LABELS = np.arange(12) % 3
TRAINING = {"x_train": pixels(12, 8, 8), "y_train": LABELS}


def place(folder: Path, **arrays: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def load(path: Path) -> RawImages:
    check_path(path)
    return load_raw(DataSpec(dataset=str(path)), quiet)


@pytest.mark.parametrize("named", ["", "x_train.npy", "y_train.npy", "test_labels.npy"])
def test_a_folder_or_one_of_its_files(tmp_path: Path, named: str) -> None:
    folder = place(tmp_path / "set", **TRAINING, test_images=pixels(3, 8, 8, seed=1), test_labels=LABELS[:3])
    raw = load(folder / named)
    assert raw.title == "set"
    assert np.array_equal(raw.x_train[..., 0], TRAINING["x_train"])
    assert raw.y_train.tolist() == LABELS.tolist()
    assert raw.x_test is not None
    assert np.array_equal(raw.x_test[..., 0], pixels(3, 8, 8, seed=1))
    assert raw.warnings == ()


def test_lone_folders_around_the_files(tmp_path: Path) -> None:
    place(tmp_path / "set", **TRAINING)
    (tmp_path / "__MACOSX").mkdir()
    assert (load(tmp_path).title, inventory([tmp_path])[-1].images) == ("set", 12)


@pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("x_{0}", "y_{0}")])
def test_a_folder_of_files_for_each_part(tmp_path: Path, names: tuple[str, str]) -> None:
    (folder := tmp_path / "set").mkdir()
    for seed, part in enumerate(("train", "test")):
        arrays = {names[0]: pixels(12, 8, 8, seed=seed), names[1]: LABELS}
        place(folder / part, **{name.format(part): array for name, array in arrays.items()})
    for path in (folder, folder / "train" / f"{names[0].format('train')}.npy"):
        raw = load(path)
        assert raw.x_test is not None
        assert np.array_equal(raw.x_train[..., 0], pixels(12, 8, 8))
        assert np.array_equal(raw.x_test[..., 0], pixels(12, 8, 8, seed=1))
        assert (raw.title, raw.warnings) == ("set", ())


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    folder = place(tmp_path / "set", **TRAINING)
    before = load(folder)
    place(folder, y_train=LABELS[::-1])
    assert load(folder).fingerprint != before.fingerprint


def test_decoded_arrays_are_in_the_inventory(tmp_path: Path) -> None:
    folder = place(tmp_path / "set", **TRAINING)
    load(folder)
    entry = inventory([folder])[-1]
    assert (entry.images, entry.classes) == (12, 3)


def test_files_not_used_are_said(tmp_path: Path) -> None:
    assert load(place(tmp_path / "set", **TRAINING, mean=np.zeros(2))).warnings == (
        "1 array of set is not used: mean.",
    )


def test_an_array_beside_folders_of_images_is_none_of_the_data_set(image_folder: Path) -> None:
    np.save(image_folder / "data.npy", np.zeros(3))
    assert load(image_folder).class_names == ("cat", "dog")


def test_folders_beside_the_arrays_are_said_not_to_be_used(image_folder: Path) -> None:
    raw = load(place(image_folder, **TRAINING))
    assert raw.warnings == (f"Only the arrays of {image_folder.name} are used, no files of test, train in it.",)


@pytest.mark.parametrize(
    ("arrays", "named", "sentence"),
    [
        ({"x_train": pixels(12, 8, 8)}, "x_train.npy", r"set has no y_train\.npy \(it holds x_train\.npy\); save the"),
        ({"photos": pixels(12, 8, 8)}, "photos.npy", r"has no x_train\.npy \(it holds photos\.npy\)"),
        (
            TRAINING | {"kernel": np.eye(3)},
            "kernel.npy",
            r"kernel\.npy is not among the arrays .* \(x_train, y_train\)",
        ),
        (TRAINING | {"x_train": np.array([None] * 12)}, "", "holds x_train as Python objects"),
        (TRAINING | {"x_test": pixels(3, 8, 8)}, "x_test.npy", "x_test.npy is not among the arrays"),
        (TRAINING | {"X_train": pixels(12, 8, 8)}, "", "has both X_train and x_train"),
    ],
)
def test_refused(tmp_path: Path, arrays: dict[str, Any], named: str, sentence: str) -> None:
    folder = place(tmp_path / "set", **arrays)
    with pytest.raises(DatasetError, match=sentence):
        load(folder / named)


def test_a_folder_for_each_part_without_labels_says_so(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for part in ("train", "test"):
        place(tmp_path / "set" / part, x=pixels(12, 8, 8))
    with pytest.raises(DatasetError, match=r"has no y_train\.npy \(it holds test/x\.npy, train/x\.npy\); save"):
        load(tmp_path / "set")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04N."])
def test_damaged(tmp_path: Path, content: bytes) -> None:
    folder = place(tmp_path / "set", **TRAINING)
    (folder / "x_train.npy").write_bytes(content)
    with pytest.raises(DatasetError, match=r"can't be read as arrays .*numpy\.save"):
        load(folder)


def test_cut_short_and_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = place(tmp_path / "set", **TRAINING)
    content = (folder / "x_train.npy").read_bytes()
    (folder / "x_train.npy").write_bytes(content[:-1])
    with pytest.raises(DatasetError, match="can't be read as arrays"):
        load(folder)
    monkeypatch.setattr(npy, "MAX_UNPACKED_BYTES", 100)
    with pytest.raises(DatasetError, match="save fewer or smaller images"):
        load(folder)
