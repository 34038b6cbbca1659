"""Arrays, IDX files and archives as people have them, for the table of ``inputs_tried``."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.utils.arrays import Array
from tests.engine.datasets.conftest import idx, write_tar

COUNT = 40  # training images
LABELS = np.arange(COUNT) % 2


def _images(seed: int = 0) -> Array:
    """Red and green images on noise, uint8 [40, 8, 8, 3], with all values from 0 to 255."""
    images = np.random.default_rng(seed).integers(0, 60, (COUNT, 8, 8, 3), np.uint8)
    images[LABELS == 0, :, :4, 0] = 255
    images[LABELS == 1, :, :4, 1] = 255
    images[:, 0, 0] = 0
    return images


IMAGES = _images()


def _npz(**arrays: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder.with_name("data.npz")
        np.savez(path, **arrays)
        return path

    return make


def _x(images: Array) -> Callable[[Path], Path]:
    return _npz(x_train=images, y_train=LABELS)


def _y(labels: Any, **others: Any) -> Callable[[Path], Path]:
    return _npz(x_train=IMAGES, y_train=labels, **others)


def _parts(names: str, *parts: str) -> dict[str, Array]:
    """Arrays of each part by ``names``, of images and labels, with a place for the part."""
    arrays: dict[str, Array] = {}
    for seed, part in enumerate(parts):
        images, labels = names.split()
        arrays |= {images.format(part): _images(seed), labels.format(part): LABELS}
    return arrays


def _npy(**arrays: Array) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        return folder

    return make


def _npz_parts(*stems: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for seed, stem in enumerate(stems):
            np.savez(folder / f"{stem}.npz", x=_images(seed), y=LABELS)
        return folder

    return make


def _npy_parts(folder: Path) -> Path:
    for seed, part in enumerate(("train", "test")):
        (folder / part).mkdir()
        np.save(folder / part / "x.npy", _images(seed))
        np.save(folder / part / "y.npy", LABELS)
    return folder


def _idx(place: str, *prefixes: str, first: int = 0) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        for prefix in prefixes:
            for part in ("train", "test" if prefix else "t10k"):
                arrays = {"images-idx3": IMAGES[..., 0], "labels-idx1": (LABELS + first).astype(np.uint8)}
                for content, array in arrays.items():
                    path = folder / place.format(f"{prefix}{part}-{content}-ubyte")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(idx(np.ascontiguousarray(array)))
        return folder

    return make


def _file(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(b"?")
        return folder / name

    return make


def _zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        archive.writestr("photos/cats/1.png", b"")
    return folder / "photos.zip"


def _holed(value: float) -> Array:
    images = IMAGES / 255
    images[3, 4, 5] = value
    return images


ARRAYS: list[tuple[str, Callable[[Path], Path]]] = [
    (
        "MedMNIST: `train_images`, `val_images`, `test_labels` …",
        _npz(**_parts("{0}_images {0}_labels", *("train", "val", "test"))),
    ),
    ("`x_train`, `x_val`, `x_test`", _npz(**_parts("x_{0} y_{0}", "train", "val", "test"))),
    (
        "`X_train`, `X_valid` and arrays of other names",
        _npz(**_parts("X_{0} Y_{0}", "train", "valid"), mean=IMAGES[0], ids=LABELS),
    ),
    ("`images`, `labels`", _npz(images=IMAGES, labels=LABELS)),
    ("`x_train_images`, `y_train_labels`", _npz(x_train_images=IMAGES, y_train_labels=LABELS)),
    ("`x_test` without `y_test`", _y(LABELS, x_test=_images(1))),
    ("`x_val` of no images", _y(LABELS, x_val=IMAGES[:0], y_val=LABELS[:0])),
    ("`train.npz`, `test.npz` in a folder, each with `x`, `y`", _npz_parts("train", "test")),
    ("`train.npz` beside `test.npz`", lambda folder: _npz_parts("train", "test")(folder) / "train.npz"),
    ("`x_train` and `train_images`", _npz(x_train=IMAGES, train_images=IMAGES, y_train=LABELS)),
    ("arrays without names, `arr_0`", _npz(arr_0=IMAGES, arr_1=LABELS)),
    ("`x_train.npy`, `y_train.npy`", _npy(x_train=IMAGES, y_train=LABELS)),
    ("`train/x.npy`, `train/y.npy`, `test/x.npy`, `test/y.npy`", _npy_parts),
    ("`x_train.npy` alone", _npy(x_train=IMAGES)),
    ("int64 from 0 to 255", _x(IMAGES.astype(np.int64))),
    ("true and false", _x(IMAGES > 127)),
    ("floats from 0 to 1, rounded to 1.0000001", _x(IMAGES / np.float32(255) * np.float32(1.0000001))),
    ("floats from 0 to 255", _x(IMAGES.astype(np.float32))),
    ("floats from -1 to 1", _x(IMAGES / np.float32(127.5) - 1)),
    ("floats, standardised", _x((IMAGES - IMAGES.mean()) / IMAGES.std())),
    (
        "floats from 0 to 1 for training, 0 to 255 for testing",
        _npz(x_train=IMAGES / 255, y_train=LABELS, x_test=IMAGES * 1.0, y_test=LABELS),
    ),
    ("16 bits from 0 to 65535", _x(IMAGES.astype(np.uint16) * 257)),
    ("12 bits in 16", _x(IMAGES.astype(np.uint16) * 16)),
    ("integers from 0 to 100", _x(IMAGES.astype(np.int64) * 100 // 255)),
    ("uint8 from 0 to 1", _x(IMAGES // 128)),
    ("NaN", _x(_holed(np.nan))),
    ("channels first", _x(np.moveaxis(IMAGES, 3, 1))),
    ("channels first or last, shape [40, 3, 8, 3]", _x(IMAGES[:, :3])),
    ("four channels, with transparent parts", _x(np.concatenate([IMAGES, IMAGES[..., :1]], axis=3))),
    ("flat rows", _x(IMAGES.reshape(COUNT, -1))),
    ("labels as texts", _y(np.array(["cat", "dog"])[LABELS])),
    ("labels as bytes", _y(np.array([b"cat", b"dog"])[LABELS])),
    ("labels as floats", _y(LABELS.astype(float))),
    ("one-hot labels", _y(np.eye(2)[LABELS])),
    ("several labels an image", _y(np.ones((COUNT, 2)))),
    ("a label that is NaN", _y(np.where(np.arange(COUNT) == 5, np.nan, LABELS))),
    ("a label that is the text `nan`", _y(np.where(np.arange(COUNT) == 5, "nan", np.array(["cat", "dog"])[LABELS]))),
    ("a label -1 beside 0 and 1", _y(np.where(np.arange(COUNT) % 4 == 3, -1, LABELS))),
    ("a label 255 beside 0 and 1", _y(np.where(np.arange(COUNT) % 4 == 3, 255, LABELS))),
    ("labels as Python objects", _y(np.array(["cat", "dog"], object)[LABELS])),
    (
        "labels from 1, class names as bytes with an unused first",
        _y(LABELS + 1, class_names=np.array([b"none", b"cat", b"dog"])),
    ),
    ("two classes of one name", _y(LABELS, class_names=np.array(["cat", "cat"]))),
    ("a class without a name", _y(LABELS, class_names=np.array(["cat", ""]))),
    ("IDX under `MNIST/raw/`", _idx("MNIST/raw/{0}", "")),
    ("IDX in folders of the same names", _idx("{0}/{0}", "")),
    ("IDX downloaded again, `train-images-idx3-ubyte (1)`", _idx("{0} (1)", "")),
    ("EMNIST letters, labels from 1", _idx("gzip/{0}", "emnist-letters-", first=1)),
    ("two of EMNIST's splits", _idx("{0}", "emnist-letters-", "emnist-digits-")),
    ("`flower_photos.tgz`", lambda folder: write_tar(folder / "flower_photos.tgz", {"flower_photos/a/1.jpg": b""})),
    ("`photos.zip`", _zip),
    ("`train_32x32.mat`", _file("train_32x32.mat")),
    ("`data.pkl`", _file("data.pkl")),
]
