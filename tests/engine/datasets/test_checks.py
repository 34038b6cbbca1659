"""engine.datasets.checks: images of two parts at once, and colour that the conversion to gray drops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.specs import DataSpec
from engine.datasets import RawImages, describe_dataset, prepare
from engine.datasets.checks import Duplicates, find_duplicates, grayscale_warning
from engine.datasets.split import Split, split
from engine.utils.arrays import Array

LUMA = np.array([0.2989, 0.587, 0.114])
RED, GREEN = (200, 0, 0), (0, 102, 0)  # of the same luminance
SEEDS = st.integers(0, 2**32 - 1)


def quiet(_message: str, _done: int, _total: int) -> None:
    """No progress is shown."""


def whole(images: Array, labels: Array) -> tuple[RawImages, Split]:
    """A data set that is all training images."""
    names = tuple(f"class {number}" for number in range(int(labels.max()) + 1))
    none = np.empty(0, int)
    return RawImages("a set", names, images, labels, None, None, ""), Split(np.arange(len(labels)), none, none)


# Duplicates


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), SEEDS)
def test_duplicates_are_those_that_comparing_every_pair_finds(
    train: int, validation: int, test: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 3, (count, 2, 1, 1), np.uint8) for count in (train, validation, test)]
    labels = [rng.integers(0, 3, count) for count in (train, validation, test)]
    raw = RawImages("a set", ("a", "b", "c"), images[0], labels[0], images[2], labels[2], "", images[1], labels[1])
    found = find_duplicates(raw, Split(*map(np.arange, (train, validation, test))), quiet)
    others, classes = np.concatenate(images[:2]), np.concatenate(labels[:2])
    same = [[int(classes[at]) for at in range(len(others)) if (others[at] == image).all()] for image in images[2]]
    twice = [(each, int(label)) for each, label in zip(same, labels[2], strict=True) if each]
    assert found.count == len(twice)
    assert found.conflicting == sum(label not in each for each, label in twice)
    counts = {name: sum(label == number for _, label in twice) for number, name in enumerate("abc")}
    assert dict(found.by_class) == {name: count for name, count in counts.items() if count}


def test_only_images_that_are_used_are_compared() -> None:
    """A data set without a test part: the copies of an image within one part are no duplicates."""
    images = np.repeat(np.arange(40, dtype=np.uint8), 2).reshape(80, 1, 1, 1)
    raw = RawImages("a set", ("a", "b"), images, np.arange(80) % 2, None, None, "")
    parts = split(raw, DataSpec(test_fraction=0.25))
    elsewhere = set(images[np.concatenate([parts.train, parts.validation])].ravel().tolist())
    expected = sum(int(value) in elsewhere for value in images[parts.test].ravel())
    assert find_duplicates(raw, parts, quiet).count == expected > 0


def test_duplicates_are_counted_in_a_sentence() -> None:
    many = Duplicates(7, 0, (("cat", 3), ("dog", 2), ("owl", 1), ("eel", 1)))
    assert many.warning(60) == (
        "7 of 60 test images equal a training or validation image pixel by pixel (cat: 3, dog: 2, owl: 1, other "
        "classes: 1), which raises test accuracy; take them out of one part."
    )
    one = Duplicates(1, 1, (("cat", 1),)).warning(1)
    assert one.startswith(
        "1 of 1 test image equals a training or validation image pixel by pixel (cat: 1; 1 of them under"
    )
    assert Duplicates(0, 0, ()).warning(60) == ""


def test_a_described_data_set_has_its_duplicates_counted_and_a_prepared_one_is_spared_that(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 6, 6), np.uint8), np.arange(60) % 2
    file = tmp_path / "images.npz"
    np.savez(file, x_train=images[:50], y_train=labels[:50], x_test=images[40:], y_test=labels[40:])
    spec = DataSpec(dataset=str(file))
    described = describe_dataset(spec, quiet)
    assert (described.duplicates, described.own_test) == (10, True)
    (warning,) = [sentence for sentence in described.warnings if "pixel by pixel" in sentence]
    assert warning.startswith("10 of 20 test images")
    others = tuple(sentence for sentence in described.warnings if sentence != warning)
    assert prepare(spec, quiet).info == replace(described, duplicates=0, warnings=others)


def test_the_digits_have_no_duplicates_between_their_parts() -> None:
    described = describe_dataset(DataSpec(), quiet)
    assert (described.duplicates, described.warnings) == (0, ())
    assert (described.own_validation, described.own_test) == (False, False)


# Colour


def squares(rng: np.random.Generator, colours: list[tuple[int, ...]], count: int, noise: float, ground: bool) -> Array:
    """For each colour ``count`` images with a square of it somewhere, uint8 [n, 16, 16, 3], on black or any gray."""
    images = np.zeros((len(colours) * count, 16, 16, 3))
    for position, image in enumerate(images):
        row, column = rng.integers(0, 9, 2)
        image[:] = rng.integers(0, 256) if ground else 0
        image[row : row + 8, column : column + 8] = colours[position // count]
    return np.clip(images + rng.normal(0, noise, images.shape), 0, 255).astype(np.uint8)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SEEDS, st.integers(30, 60), st.sampled_from([0.0, 5.0, 20.0]), st.booleans())
def test_classes_that_differ_in_colour_alone_are_named(seed: int, count: int, noise: float, ground: bool) -> None:
    images = squares(np.random.default_rng(seed), [RED, GREEN, (255, 255, 255)], count, noise, ground)
    warning = grayscale_warning(*whole(images, np.repeat([0, 1, 2], count)), LUMA)
    assert warning == (
        "The classes 'class 0' and 'class 1' differ in colour and hardly in brightness, and the conversion to gray "
        "drops colour; set grayscale=false."
    )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SEEDS, st.integers(10, 60), st.booleans())
def test_colours_of_different_brightness_survive(seed: int, count: int, ground: bool) -> None:
    images = squares(np.random.default_rng(seed), [(255, 0, 0), (0, 255, 0)], count, 5.0, ground)
    assert grayscale_warning(*whole(images, np.repeat([0, 1], count)), LUMA) == ""


@pytest.mark.long
@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS, st.integers(2, 20), st.integers(10, 60), st.sampled_from(["pixels", "gray", "hues", "faint"]))
def test_images_that_do_not_depend_on_the_class_raise_no_alarm(seed: int, classes: int, count: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    labels = np.arange(classes * count) % classes
    match kind:
        case "pixels":
            images = rng.integers(0, 256, (len(labels), 8, 8, 3))
        case "gray":
            images = np.repeat(rng.integers(0, 256, (len(labels), 8, 8, 1)), 3, axis=3)
        case "hues":
            images = rng.integers(0, 256, (len(labels), 1, 1, 3)) + np.zeros((8, 8, 1), int)
        case _:  # gray, and brighter by one part in 256 from class to class, which a network can see
            images = np.repeat(
                100 + labels[:, np.newaxis, np.newaxis, np.newaxis] + np.zeros((8, 8, 1), int), 3, axis=3
            )
    assert grayscale_warning(*whole(images.astype(np.uint8), labels), LUMA) == ""


def test_the_luminance_is_that_after_normalisation(tmp_path: Path) -> None:
    """What is equally bright as stored need not be once each channel is divided by its own deviation."""
    images = squares(np.random.default_rng(0), [RED, GREEN], 40, 0.0, False)
    file = tmp_path / "images.npz"
    np.savez(file, x_train=images, y_train=np.repeat([0, 1], 40))
    plain, scaled, coloured = (
        describe_dataset(DataSpec(dataset=str(file), normalization=how, grayscale=gray), quiet).warnings
        for how, gray in (("half", True), ("per-dataset", True), ("half", False))
    )
    assert sum("set grayscale=false" in sentence for sentence in plain) == 1
    assert not any("grayscale" in sentence for sentence in (*scaled, *coloured))


def test_few_images_or_one_class_tell_nothing() -> None:
    images = squares(np.random.default_rng(0), [RED, GREEN], 9, 0.0, False)
    assert grayscale_warning(*whole(images, np.repeat([0, 1], 9)), LUMA) == ""
    assert grayscale_warning(*whole(images, np.zeros(18, int)), LUMA) == ""
