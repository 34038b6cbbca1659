"""engine.datasets.formats.idx: IDX files where people have them, EMNIST, damaged files."""

from __future__ import annotations

import gzip
import struct
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from engine.config.specs import DataSpec
from engine.datasets import RawImages, load_raw
from engine.datasets.inventory import inventory
from engine.datasets.registry import check_path
from engine.utils.arrays import Array
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


def idx_set(folder: Path, names: str, labels: Array, seed: int = 0) -> Path:
    """Write four files of 5x4 images, six for training and six for testing; ``names`` has places for part, content."""
    for number, part in enumerate(("train", "test" if "emnist" in names else "t10k")):
        for content, array in (("images-idx3", pixels(6, 5, 4, seed=seed + number)), ("labels-idx1", labels)):
            path = folder / names.format(part=part, content=content)
            path.parent.mkdir(parents=True, exist_ok=True)
            data = idx(array.astype(np.uint8))
            path.write_bytes(compress(data) if path.suffix == ".gz" else data)
    return folder


def load(path: Path) -> RawImages:
    check_path(path)
    return load_raw(DataSpec(dataset=str(path)), quiet)


SIX = np.arange(6) % 3
OFFICIAL = "{part}-{content}-ubyte"


@pytest.mark.parametrize(
    "names",
    [
        OFFICIAL,
        f"{OFFICIAL}.gz",
        f"raw/{OFFICIAL}",
        f"MNIST/raw/{OFFICIAL}",
        f"data/{OFFICIAL}",
        f"data/raw/{OFFICIAL}.gz",
        f"{OFFICIAL}/{OFFICIAL}",
        f"archive/{OFFICIAL}/{OFFICIAL}",
        f"unpacked/idx_raw/MNIST/raw/{OFFICIAL}",
        f"qmnist-{OFFICIAL}",
        f"{OFFICIAL} (1).gz",
        f"{OFFICIAL}(2)",
    ],
)
def test_where_people_have_them(tmp_path: Path, names: str) -> None:
    raw = load(idx_set(tmp_path / "set", names, SIX))
    assert (raw.title, raw.class_names, raw.y_train.tolist()) == ("set", ("0", "1", "2"), SIX.tolist())
    assert np.array_equal(raw.x_train[:, 0, 0, 0], pixels(6, 5, 4)[:, 0, 0])


def test_names_with_a_dot_beside_folders_of_the_other_names(tmp_path: Path) -> None:
    """As Kaggle has them; what is unpacked in the folder itself is read."""
    idx_set(tmp_path, f"{OFFICIAL}/{OFFICIAL}", SIX, seed=7)
    for path in list(tmp_path.rglob("*ubyte")):
        if path.is_file():
            (tmp_path / path.name.replace("-idx", ".idx")).write_bytes(path.read_bytes())
    assert np.array_equal(load(tmp_path).x_train[:, 0, 0, 0], pixels(6, 5, 4, seed=7)[:, 0, 0])


@pytest.mark.parametrize(
    ("split", "labels", "names"),
    [
        ("letters", [1, 2, 26, 1, 2, 26], ("a", "b", "z")),
        ("balanced", [0, 10, 46, 0, 10, 46], ("0", "A", "t")),
        ("bymerge", [9, 35, 36, 9, 35, 36], ("9", "Z", "a")),
        ("byclass", [10, 36, 61, 10, 36, 61], ("A", "a", "z")),
        ("digits", [0, 1, 9, 0, 1, 9], ("0", "1", "9")),
        ("mnist", [0, 1, 9, 0, 1, 9], ("0", "1", "9")),
    ],
)
def test_emnist_is_upright_and_named_by_its_characters(
    tmp_path: Path, split: str, labels: list[int], names: tuple[str, ...]
) -> None:
    raw = load(idx_set(tmp_path, f"gzip/emnist-{split}-{OFFICIAL}.gz", np.array(labels)))
    assert (raw.class_names, raw.y_train.tolist()) == (names, [0, 1, 2, 0, 1, 2])
    assert "stored transposed, as EMNIST's are, and were turned upright" in raw.warnings[0]
    file = tmp_path / f"gzip/emnist-{split}-train-images-idx3-ubyte.gz"
    square = pixels(6, 5, 5)
    file.write_bytes(compress(idx(square)))
    assert np.array_equal(load(file).x_train[..., 0], square.swapaxes(1, 2))


def test_of_several_sets_one_is_named_by_a_file(tmp_path: Path) -> None:
    idx_set(tmp_path, f"emnist-letters-{OFFICIAL}.gz", SIX + 1, seed=1)
    idx_set(tmp_path, f"emnist-digits-{OFFICIAL}.gz", SIX, seed=3)
    sentence = (
        r"several data sets \(emnist-digits, emnist-letters\); name the training images of one, as .*"
        r"emnist-digits-train-images-idx3-ubyte\.gz"
    )
    with pytest.raises(DatasetError, match=sentence):
        load(tmp_path)
    raw = load(tmp_path / "emnist-letters-train-images-idx3-ubyte.gz")
    assert (raw.title, raw.class_names) == ("emnist-letters", ("a", "b", "c"))
    file = tmp_path / "emnist-digits-test-labels-idx1-ubyte.gz"
    assert load(file).class_names == ("0", "1", "2")
    assert [(each.images, each.classes) for each in inventory([file])[-1:]] == [(12, 3)]


def test_several_sets_in_folders_of_their_own(tmp_path: Path) -> None:
    for name in ("MNIST", "FashionMNIST"):
        idx_set(tmp_path, f"{name}/raw/{OFFICIAL}", SIX)
    with pytest.raises(DatasetError, match=r"several data sets \(FashionMNIST, MNIST\)"):
        load(tmp_path)
    assert load(tmp_path / "MNIST").title == "MNIST"
    assert load(tmp_path / "MNIST/raw/train-images-idx3-ubyte").title == "MNIST"


def test_second_downloads_may_be_of_another_data_set(tmp_path: Path) -> None:
    idx_set(tmp_path, f"{OFFICIAL}.gz", SIX, seed=1)
    idx_set(tmp_path, f"{OFFICIAL} (1).gz", SIX, seed=3)
    for path in (tmp_path, tmp_path / "train-images-idx3-ubyte (1).gz"):
        with pytest.raises(DatasetError, match=r"ubyte \(1\)\.gz and .*ubyte\.gz; place the files of one data set in"):
            load(path)


def test_a_test_label_that_no_training_image_has(tmp_path: Path) -> None:
    file = idx_set(tmp_path, OFFICIAL, SIX) / "t10k-labels-idx1-ubyte"
    file.write_bytes(idx(np.array([0, 1, 7, 0, 1, 2], np.uint8)))
    with pytest.raises(DatasetError, match="has the label 7 in the test part, which no training image has; take"):
        load(tmp_path)


def test_labels_are_the_classes_that_the_training_images_have(tmp_path: Path) -> None:
    raw = load(idx_set(tmp_path, OFFICIAL, np.array([1, 2, 4, 1, 2, 4])))
    assert (raw.class_names, raw.y_train.tolist()) == (("1", "2", "4"), [0, 1, 2, 0, 1, 2])


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
    with pytest.raises(DatasetError, match=r"has no emnist-letters-train-images-idx3-ubyte\.gz beside"):
        (folder / "emnist-letters-train-labels-idx1-ubyte").touch()
        load(folder / "emnist-letters-train-labels-idx1-ubyte")


@pytest.mark.parametrize("shape", [(0, 28, 28), (30, 0, 28), (30, 28, 0), (30, 0, 0)])
def test_images_without_pixels_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    files = idx_files() | {"train-images-idx3-ubyte": idx(np.zeros(shape, np.uint8))}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=r"train-images-idx3-ubyte can't be read .*pixels"):
        load_raw(DataSpec(dataset=str(tmp_path)), quiet)
