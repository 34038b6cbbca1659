"""engine.datasets.formats.arrays.names: which array is what."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.datasets.formats.arrays.names import choose_arrays, listed, unused_warning
from engine.utils.errors import DatasetError

PATH = Path("set.npz")


@pytest.mark.parametrize(
    ("names", "images", "labels"),
    [
        ("x_train y_train", "x_train", "y_train"),
        ("X_train Y_train", "X_train", "Y_train"),
        ("trainX trainY", "trainX", "trainY"),
        ("train_images train_labels", "train_images", "train_labels"),
        ("images_train labels_train", "images_train", "labels_train"),
        ("train_x train_y", "train_x", "train_y"),
        ("train.data train.target", "train.data", "train.target"),
        ("training_set_x training_set_y", "training_set_x", "training_set_y"),
        ("X_tr y_tr", "X_tr", "y_tr"),
        ("X y", "X", "y"),
        ("images labels", "images", "labels"),
        ("data targets", "data", "targets"),
        ("x y_train", "x", "y_train"),
        ("x_train_images y_train_labels", "x_train_images", "y_train_labels"),
        ("train/x train/y", "train/x", "train/y"),
        ("train/x_train train/labels", "train/x_train", "train/labels"),
        ("mnist_training/images mnist_training/labels", "mnist_training/images", "mnist_training/labels"),
    ],
)
def test_training_part(names: str, images: str, labels: str) -> None:
    found = choose_arrays(PATH, names.split())
    assert (found.images, found.labels, found.unused) == ({"train": images}, {"train": labels}, ())


@pytest.mark.parametrize("word", ["val", "valid", "validation", "VAL", "dev", "va"])
def test_validation_part(word: str) -> None:
    found = choose_arrays(PATH, ["x_train", "y_train", f"x_{word}", f"{word}_labels", "x_test", "y_test"])
    assert found.images == {"train": "x_train", "validation": f"x_{word}", "test": "x_test"}
    assert found.labels == {"train": "y_train", "validation": f"{word}_labels", "test": "y_test"}


@pytest.mark.parametrize(
    "name", ["class_names", "classNames", "label_names", "target_names", "classes", "list_classes"]
)
def test_class_names(name: str) -> None:
    assert choose_arrays(PATH, ["x", "y", name]).class_names == name


def test_without_a_part_is_training_unless_another_is_named_so() -> None:
    found = choose_arrays(PATH, ["x", "y", "x_test", "y_test"])
    assert found.images == {"train": "x", "test": "x_test"}
    assert choose_arrays(PATH, ["x", "x_train", "y_train"]).unused == ("x",)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("x_train X_train y_train", r"has both x_train and X_train, which can mean the same; save only one"),
        ("x_train y_train train_labels", "both y_train and train_labels"),
        ("images data labels", "both images and data"),
        ("x_train y_train x_val x_valid y_val", "both x_val and x_valid"),
        (
            "arr_0 arr_1",
            r"has no x_train \(it holds arr_0, arr_1\); save the images as x_train and the labels as y_train",
        ),
        ("x_train", r"has no y_train \(it holds x_train\)"),
        ("", r"set\.npz has no x_train; save"),
    ],
)
def test_refused(names: str, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        choose_arrays(PATH, names.split())


@pytest.mark.parametrize(
    ("half", "sentence"),
    [
        (
            "x_test",
            "x_test has no labels (no y_test) and is not used; a share of the training images is held back for ",
        ),
        ("test_labels", "test_labels has no images (no x_test) and is not used; a share of the training images is "),
        ("x_val", "x_val has no labels (no y_val) and is not used; a share of the training images is held back for "),
    ],
)
def test_half_of_another_part_is_left_out_and_said(half: str, sentence: str) -> None:
    found = choose_arrays(PATH, ["x_train", "y_train", half])
    assert (list(found.images), list(found.labels), found.unused) == (["train"], ["train"], ())
    (warning,) = found.warnings
    assert warning.startswith(sentence)


def test_of_many_unused_arrays_ten_are_named() -> None:
    found = choose_arrays(PATH, ["x", "y", *(f"a{number}" for number in range(1200))])
    (warning,) = unused_warning(PATH, found)
    assert warning.startswith("1,200 arrays of set.npz are not used: a0, a1, ")
    assert warning.endswith("a9, and 1,190 more.")
    assert listed(["a"]) == "a"
