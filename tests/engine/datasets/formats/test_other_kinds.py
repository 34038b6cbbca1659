"""engine.datasets.formats.other_kinds: what is said of files that are no data set as they are."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from engine.config.specs import DataSpec
from engine.datasets import load_raw
from engine.datasets.registry import FILE_ENDINGS, check_path
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import pixels, quiet, save, write_tar

UNPACK = "is an archive; unpack it and name the folder"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        *((f"photos{ending}", UNPACK) for ending in (".zip", ".ZIP", ".7z", ".rar", ".tar.bz2", ".tar.xz", ".tar.zst")),
        ("photos.gz", UNPACK),
        ("train_32x32.mat", "not a data set but a MATLAB file; read it with scipy.io.loadmat and save its arrays by"),
        ("data.h5", "an HDF5 file; read it with h5py"),
        ("data.pkl", "a pickle, which may run any code; read it where you trust it and save"),
        ("data.pt", "a PyTorch file"),
        ("data.tfrecord", "a TensorFlow file of records"),
        ("train.csv", "a table; give its pixels their height and width"),
        ("data.parquet", "a table; read it with pandas"),
        ("cnn.keras", "a network; choose it"),
        ("cat.JPG", "one image; name the folder that has a folder of images for each class"),
        ("notes", r"not a data set; name a folder of images, an \.npz, \.npy or IDX file, or an archive of CIFAR-10"),
    ],
)
def test_said_when_dropped_and_when_loaded(tmp_path: Path, name: str, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"?")
    for look in (check_path, lambda path: load_raw(DataSpec(dataset=str(path)), quiet)):
        with pytest.raises(DatasetError, match=sentence):
            look(path)


def test_archives_of_other_images(tmp_path: Path) -> None:
    path = write_tar(
        tmp_path / "flower_photos.tgz", {"flower_photos/LICENSE.txt": b"", "flower_photos/rose/1.jpg": b""}
    )
    with pytest.raises(DatasetError, match=UNPACK):
        load_raw(DataSpec(dataset=str(path)), quiet)


@pytest.mark.parametrize("file", ["bloodmnist.npz", "archive/data.npz", "photos.zip", "cifar-10-python.tar.gz"])
def test_a_folder_with_nothing_but_a_file_that_may_be_a_data_set(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(b"?")
    (tmp_path / "__MACOSX").mkdir()
    for look in (check_path, lambda path: load_raw(DataSpec(dataset=str(path)), quiet)):
        with pytest.raises(DatasetError, match=rf"holds no images but {Path(file).name}; name .*{file} itself"):
            look(tmp_path)


@pytest.mark.parametrize("names", [("X_train", "X_test", "y_train"), ("mnist_train", "mnist_test", "fashion_train")])
def test_files_that_are_no_parts_of_one_data_set_are_to_be_saved_in_one(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / f"{name}.npz").touch()
    for look in (check_path, lambda path: load_raw(DataSpec(dataset=str(path)), quiet)):
        with pytest.raises(DatasetError, match="save the arrays of one data set in one file, as x_train, y_train"):
            look(tmp_path)


def test_classes_named_by_any_characters_may_lie_beside_an_archive(tmp_path: Path) -> None:
    for number, name in enumerate(("$1", "_5", "#10")):
        save(tmp_path / name / "1.png", pixels(8, 8, seed=number))
    (tmp_path / "orig.zip").touch()
    assert load_raw(DataSpec(dataset=str(tmp_path)), quiet).class_names == ("#10", "$1", "_5")


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps([1]))
    path.chmod(0)
    with pytest.raises(DatasetError, match="a pickle"):
        load_raw(DataSpec(dataset=str(path)), quiet)


@pytest.mark.parametrize("ending", FILE_ENDINGS)
def test_what_the_file_dialog_offers_may_be_dropped(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"train-images-idx3{ending}"
    path.write_bytes(b"?")
    check_path(path)
