"""engine.datasets.formats.mnist: IDX files, downloaded, in a folder, damaged."""

from __future__ import annotations

import gzip
import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import load_raw
from engine.datasets.download import downloads_folder
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import idx, idx_files, pixels, quiet

# Without a timestamp, so that test names are reproducible.
compress = partial(gzip.compress, mtime=0)


def place(folder: Path, packed: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in idx_files().items():
        path = folder / (name if packed else name.removesuffix(".gz"))
        path.write_bytes(content if packed else gzip.decompress(content))
    return folder


@pytest.mark.parametrize("packed", [True, False])
def test_folder(tmp_path: Path, packed: bool) -> None:
    raw = load_raw(DataSpec(dataset=str(place(tmp_path / "letters", packed))), quiet)
    assert (raw.title, raw.class_names) == ("letters", tuple("0123456789"))
    assert np.array_equal(raw.x_train[..., 0], pixels(30, 28, 28, seed=30))
    assert raw.y_train.tolist() == [number % 10 for number in range(30)]
    assert raw.y_test is not None


def test_resized(tmp_path: Path) -> None:
    raw = load_raw(DataSpec(dataset=str(place(tmp_path / "m")), image_size=14), quiet)
    assert raw.x_test is not None
    assert raw.x_train.shape == (30, 14, 14, 1)
    assert raw.x_test.shape == (10, 14, 14, 1)


def test_unpacked_files_placed_by_hand_need_no_network() -> None:
    place(downloads_folder() / "fashion_mnist", packed=False)
    raw = load_raw(DataSpec(dataset="fashion_mnist"), quiet)
    assert (raw.title, raw.class_names[0]) == ("Fashion-MNIST", "T-shirt/top")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("train-images-idx3-ubyte.gz", b"", "Compressed file|unpack requires"),
        ("train-images-idx3-ubyte.gz", b"no gzip", "[Nn]ot a gzip"),
        ("train-images-idx3-ubyte.gz", idx_files()["train-images-idx3-ubyte.gz"][:-100], "ended before"),
        ("train-images-idx3-ubyte.gz", compress(b"\0\0\x08\x03"), "unpack requires"),
        ("train-images-idx3-ubyte.gz", compress(idx(pixels(30, 28))), "no IDX file"),
        ("train-images-idx3-ubyte.gz", compress(idx(pixels(30, 28, 28)) + b"x"), "not the size"),
        (
            "train-images-idx3-ubyte.gz",
            compress(struct.pack(">4I", 0x803, 2**32 - 1, 2**32 - 1, 28) + bytes(100_000)),
            "more than memory",
        ),
        ("t10k-labels-idx1-ubyte.gz", compress(idx(np.zeros(9, np.uint8))), "9 labels for 10 images"),
        ("t10k-labels-idx1-ubyte.gz", compress(idx(np.full(10, 77, np.uint8))), "the label 77"),
    ],
)
def test_damaged(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    folder = place(tmp_path / "m")
    (folder / name).write_bytes(content)
    with pytest.raises(DatasetError, match=reason) as caught:
        load_raw(DataSpec(dataset=str(folder)), quiet)
    assert name in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    folder = place(tmp_path / "m")
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DatasetError, match=r"has no t10k-images-idx3-ubyte\.gz"):
        load_raw(DataSpec(dataset=str(folder)), quiet)


@pytest.mark.parametrize("shape", [(0, 28, 28), (30, 0, 28), (30, 28, 0), (30, 0, 0)])
def test_images_without_pixels_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    files = idx_files() | {"train-images-idx3-ubyte": idx(np.zeros(shape, np.uint8))}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=r"train-images-idx3-ubyte can't be read .*pixels"):
        load_raw(DataSpec(dataset=str(tmp_path)), quiet)
