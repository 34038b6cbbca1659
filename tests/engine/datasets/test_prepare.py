"""engine.datasets.prepare and split: against values computed by hand."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from engine.config.specs import DataSpec
from engine.datasets import PreparedData, RawImages, describe_dataset, prepare
from engine.datasets.split import split
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError, SpecError
from tests.engine.datasets.conftest import pixels, quiet


def archive(path: Path, images: Array, classes: int = 2, test: bool = True) -> str:
    labels = np.arange(len(images)) % classes
    parts = {"x_test": images[:classes], "y_test": labels[:classes]} if test else {}
    np.savez(path, x_train=images, y_train=labels, **parts)
    return str(path)


def prepared(dataset: str, **changes: Any) -> PreparedData:
    return prepare(DataSpec(dataset=dataset).replace(**changes), quiet)


ONE_COLOUR = np.broadcast_to(np.array([255, 51, 0], np.uint8), (20, 4, 4, 3))
GRAY_OF_IT = 0.2989 * 1 + 0.587 * 0.2 + 0.114 * 0


@pytest.mark.parametrize(
    ("normalization", "colours", "gray"),
    [
        ("none", (1.0, 0.2, 0.0), GRAY_OF_IT),
        ("half", (1.0, -0.6, -1.0), 0.2989 - 0.6 * 0.587 - 0.114),
        (
            "cifar10",
            (0.5086 / 0.247, -0.2822 / 0.243, -0.4465 / 0.261),
            0.2989 * 0.5086 / 0.247 - 0.587 * 0.2822 / 0.243 - 0.114 * 0.4465 / 0.261,
        ),
        ("per-dataset", (0.0, 0.0, 0.0), 0.0),  # a constant channel
    ],
)
def test_formulas(tmp_path: Path, normalization: str, colours: tuple[float, ...], gray: float) -> None:
    name = archive(tmp_path / "c.npz", ONE_COLOUR)
    colour = prepared(name, normalization=normalization, grayscale=False)
    assert np.allclose(colour.x_train, colours, atol=1e-6)
    single = prepared(name, normalization=normalization, grayscale=True)
    for images in (single.x_train, single.x_validation, single.x_test):
        assert images.shape[1:] == (4, 4, 1)
        assert np.allclose(images, gray, atol=1e-6)


def test_per_dataset_is_of_the_training_part_alone(tmp_path: Path) -> None:
    name = archive(tmp_path / "c.npz", pixels(60, 6, 6, 3))
    stored = prepared(name, normalization="none", grayscale=False)
    found = prepared(name, normalization="per-dataset", grayscale=False)
    mean, deviation = stored.x_train.mean(axis=(0, 1, 2)), stored.x_train.std(axis=(0, 1, 2))
    assert np.allclose(found.x_train.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    assert np.allclose(found.x_train.std(axis=(0, 1, 2)), 1, atol=1e-5)
    assert np.allclose(found.x_validation, (stored.x_validation - mean) / deviation, atol=1e-4)


def test_gray_images_stay_gray(tmp_path: Path) -> None:
    name = archive(tmp_path / "g.npz", pixels(20, 4, 4))
    for grayscale in (True, False):
        found = prepared(name, grayscale=grayscale, normalization="none")
        assert found.info.shape == (4, 4, 1)
        assert np.array_equal(found.x_test[..., 0], pixels(20, 4, 4)[:2] / np.float32(255))
    with pytest.raises(SpecError, match="three colour channels"):
        prepared(name, normalization="cifar10")
    with pytest.raises(SpecError, match="three colour channels"):
        describe_dataset(DataSpec(dataset=name, normalization="cifar10"), quiet)


def test_arrays_are_as_promised_and_match_their_labels(tmp_path: Path) -> None:
    images = np.zeros((100, 4, 4), np.uint8) + np.arange(100, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    found = prepared(archive(tmp_path / "n.npz", images, classes=5), normalization="none")
    for x, y in (
        (found.x_train, found.y_train),
        (found.x_validation, found.y_validation),
        (found.x_test, found.y_test),
    ):
        assert (x.dtype, y.dtype) == (np.float32, np.int32)
        assert x.flags.c_contiguous
        numbers = np.rint(x[:, 0, 0, 0] * 255).astype(int)
        assert np.array_equal(numbers % 5, y)
        assert np.array_equal(numbers, np.sort(numbers))
    together = np.concatenate([found.x_train, found.x_validation])[:, 0, 0, 0]
    assert len(np.unique(together)) == 100


def test_digits_and_its_description() -> None:
    spec = DataSpec()
    found = prepare(spec, quiet)
    assert found.info == describe_dataset(spec, quiet), "none of its images is a duplicate"
    assert found.info == pickle.loads(pickle.dumps(found.info))  # noqa: S301
    assert found.info.shape == (32, 32, 1)
    assert (found.info.train_count, found.info.validation_count, found.info.test_count) == (1293, 144, 360)
    assert (found.x_train.min(), found.x_train.max()) == (-1.0, 1.0)
    assert np.bincount(found.y_test).min() >= 34
    assert describe_dataset(DataSpec(image_size=8), quiet).shape == (8, 8, 1)


def raw(labels: Array, test: bool, classes: int) -> RawImages:
    images = np.zeros((len(labels), 4, 4, 1), np.uint8)
    names = tuple(f"class {label}" for label in range(classes))
    held = (images[:classes], np.arange(classes)) if test else (None, None)
    return RawImages("a set", names, images, labels, *held, "")


def test_the_course_s_split() -> None:
    found = split(raw(np.arange(50_000) % 10, True, 10), DataSpec())
    labels = np.arange(50_000) % 10
    assert np.bincount(labels[found.validation]).tolist() == [500] * 10
    assert np.bincount(labels[found.train]).tolist() == [4500] * 10
    again = split(raw(labels, True, 10), DataSpec())
    assert np.array_equal(found.validation, again.validation)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=6),
    validation=st.floats(0.01, 0.99),
    test=st.floats(0.01, 0.99),
    own_test=st.booleans(),
)
def test_any_split_is_whole_and_shared_out_or_explained(
    counts: list[int], validation: float, test: float, own_test: bool
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    spec = DataSpec(validation_fraction=validation, test_fraction=test)
    try:
        found = split(raw(labels, own_test, len(counts)), spec)
    except DatasetError as error:
        assert "a set" in str(error)
        return
    parts = [found.train, found.validation] + ([] if own_test else [found.test])
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    remaining = np.bincount(np.concatenate(parts[:2]), minlength=0)
    assert remaining.max() == 1
    of_class = np.bincount(labels[np.concatenate(parts[:2])], minlength=len(counts))
    held = np.bincount(labels[found.validation], minlength=len(counts))
    share = len(found.validation) / (len(found.train) + len(found.validation))
    assert np.abs(held - share * of_class).max() <= 1
    assert all(np.array_equal(part, np.sort(part)) for part in parts)
    if own_test:
        expected = train_test_split(np.arange(len(labels)), test_size=validation, stratify=labels, random_state=449)
        assert np.array_equal(found.train, np.sort(expected[0])), "as in every earlier version"
        assert np.array_equal(found.validation, np.sort(expected[1]))


def test_sentences_for_classes_that_are_too_small() -> None:
    with pytest.raises(DatasetError, match="too few images of class 'class 1' to hold some back for validation"):
        split(raw(np.array([0] * 10 + [1]), True, 2), DataSpec())
    with pytest.raises(DatasetError, match="for testing"):
        split(raw(np.array([0] * 10 + [1]), False, 2), DataSpec())
    with pytest.raises(DatasetError, match=r"share of 0\.1 for validation"):
        split(raw(np.arange(10) % 5, True, 5), DataSpec())
