"""engine.datasets.formats.arrays.labels: every form gives the right classes, or a sentence."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.datasets.formats.arrays.labels import check_alike, class_indices, find_classes, read_labels
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError

PATH = Path("set.npz")
LABELS = np.array([2, 0, 1, 2])
WORDS = np.array(["ant", "bee", "cow"])


def read(labels: Array, class_names: Array | None = None) -> tuple[list[int], tuple[str, ...], tuple[str, ...]]:
    """Indices, names and warnings."""
    found = read_labels(PATH, "y", labels, "x", len(LABELS))
    classes = find_classes(PATH, found, "class_names", class_names)
    return class_indices(PATH, found, classes, "y").tolist(), classes.names, classes.warnings


@pytest.mark.parametrize(
    "labels",
    [
        *(LABELS.astype(dtype) for dtype in ("u1", "i1", ">i2", "u4", "i8", "u8", "f2", "f4", ">f8", "g")),
        LABELS.reshape(4, 1),
        LABELS.reshape(4, 1, 1),
        LABELS.reshape(1, 4),
        np.eye(3)[LABELS],
        np.eye(3, dtype=bool)[LABELS],
        np.eye(3, dtype=np.uint8)[LABELS],
    ],
)
def test_numbers_and_one_hot_rows(labels: Array) -> None:
    assert read(labels) == ([2, 0, 1, 2], ("0", "1", "2"), ())


@pytest.mark.parametrize("labels", [WORDS[LABELS], WORDS[LABELS].astype("S"), np.char.add(WORDS, " ")[LABELS][:, None]])
def test_texts(labels: Array) -> None:
    assert read(labels) == ([2, 0, 1, 2], ("ant", "bee", "cow"), ())


def test_texts_that_look_alike_are_one_class() -> None:
    composed, apart = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    assert read(np.array([composed, "x", apart, "x"])) == ([1, 0, 1, 0], ("x", composed), ())
    assert read(np.array(["é".encode(), b"x", "é".encode(), b"x"]))[1] == ("x", "é")


def test_truth_values() -> None:
    assert read(np.array([True, False, True, False])) == ([1, 0, 1, 0], ("0", "1"), ())


@pytest.mark.parametrize(
    ("labels", "class_names", "names", "left_out"),
    [
        (LABELS, WORDS, ("ant", "bee", "cow"), ""),
        (LABELS, WORDS.astype("S"), ("ant", "bee", "cow"), ""),
        (LABELS, WORDS.reshape(3, 1), ("ant", "bee", "cow"), ""),
        (LABELS * 10 - 5, WORDS, ("ant", "bee", "cow"), ""),  # any three numbers, ascending
        (LABELS + 1, np.array(["unused", *WORDS]), ("ant", "bee", "cow"), "1 class without training images .*: unused"),
        (LABELS * 2, np.array(list("abcdef")), ("a", "c", "e"), "3 classes without training images .*: b, d, f"),
        (np.eye(4)[LABELS], np.array(list("abcd")), ("a", "b", "c"), "1 class .*: d"),
        (np.eye(4)[LABELS + 1], None, ("1", "2", "3"), "1 class .*: 0"),
    ],
)
def test_class_names(labels: Array, class_names: Array | None, names: tuple[str, ...], left_out: str) -> None:
    indices, found, warnings = read(labels, class_names)
    assert (indices, found) == ([2, 0, 1, 2], names)
    assert len(warnings) == bool(left_out)
    if left_out:
        assert re.search(left_out, warnings[0])


def test_class_names_give_texts_their_order() -> None:
    order = np.array(["cow", "dog", "ant", "bee"])
    assert read(WORDS[LABELS], order)[:2] == ([0, 1, 2, 0], ("cow", "ant", "bee"))


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (np.array([0, 1, np.nan, np.nan]), r"NaN or infinite labels in y \(2, the first of image 2\); label these"),
        (np.array([0, 1, 0.5, 1]), r"has 0\.5 in y, which is no class"),
        (np.array([0, 1, 2**60, 1]), "labels beyond 2\\^53 in y"),
        (np.array(["a", "", " ", "b"]), r"missing labels in y \(2, the first, '', of image 1\); label these"),
        *(
            (np.array(["a", "b", word, "b"]), f"missing labels .*, '{word}', of image 2")
            for word in ("nan", "NaN", "None")
        ),
        (np.array([b"\xff", b"a", b"b", b"c"]), "texts in y that are not UTF-8"),
        (np.array(["\ud800", "a", "b", "c"]), "texts in y that are not UTF-8"),
        (LABELS[:3], "4 images in x and 3 labels in y"),
        (
            np.array([[1, 0], [0, 1], [1, 1], [0, 0]]),
            r"y of shape \[4, 2\] whose rows are not one-hot, .* image 2; .* several",
        ),
        (np.full((4, 3), 1 / 3), "not one-hot"),
        (np.full((4, 3), np.nan), "not one-hot"),
        (np.zeros((4, 2, 2)), r"y as float64 of shape \[4, 2, 2\]"),
        (LABELS.astype("M8[s]"), "y as datetime64"),
        (WORDS[LABELS].repeat(2).reshape(4, 2), r"of shape \[4, 2\]"),
    ],
)
def test_refused(labels: Array, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        read(labels)


@pytest.mark.parametrize(
    ("labels", "class_names", "sentence"),
    [
        (LABELS, np.array(["a", "b"]), "class_names of 2 texts for 3 labels"),
        (LABELS, np.array([1, 2, 3]), "class_names that are not texts in a row"),
        (LABELS, np.array("abc"), "not texts in a row"),
        (LABELS - 1, np.array(list("abcd")), "class_names of 4 texts for 3 labels"),
        (LABELS * 9, np.array(list("abcd")), "class_names of 4 texts for 3 labels"),
        (np.eye(4)[LABELS], WORDS, "class_names of 3 texts for 3 labels"),
        (WORDS[LABELS], np.array(["ant", "bee"]), "the label 'cow' in y but not in class_names"),
        (LABELS, np.array(["cat", "cat", "dog"]), "the class name 'cat' twice in class_names; name each"),
        (LABELS + 1, np.array(["none", "cat", "dog", "cat"]), "the class name 'cat' twice"),
        (LABELS, np.array(["cat", " ", "dog"]), "an empty class name in class_names; give each class a name"),
    ],
)
def test_class_names_that_do_not_fit(labels: Array, class_names: Array, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        read(labels, class_names)


@pytest.mark.parametrize(
    ("first", "second"), [(LABELS, WORDS[LABELS]), (np.eye(3)[LABELS], LABELS), (np.eye(3)[LABELS], np.eye(4)[LABELS])]
)
def test_parts_labelled_differently_are_refused(first: Any, second: Any) -> None:
    parts = [read_labels(PATH, name, labels, "x", 4) for name, labels in (("y_train", first), ("y_test", second))]
    with pytest.raises(DatasetError, match=r"in y_train but .* in y_test; save the labels of all parts alike"):
        check_alike(PATH, parts)


@pytest.mark.parametrize(
    ("labels", "mark"),
    [
        ([-1, 0, 1, -1], -1),
        ([0, 255, 1, 255], 255),
        ([0, 1, 2, 3], None),
        ([-1, 1, 1, -1], None),
        ([0, 255, 0, 255], None),
        ([-5, 0, 255, 1], None),
        ([0, 254, 255, 1], None),
    ],
)
def test_numbers_that_often_mark_images_without_a_label_are_said(labels: list[int], mark: int | None) -> None:
    expected = f"The label {mark} of 2 images in y is taken as a class, though it often marks images without a label"
    warnings = read(np.array(labels))[2]
    assert [each.partition(";")[0] for each in warnings] == ([] if mark is None else [expected])
