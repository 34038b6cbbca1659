"""engine.datasets.formats.arrays.images: every form gives the right bytes, or a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.datasets.formats.arrays.images import images_as_bytes
from engine.utils.arrays import Array
from engine.utils.errors import DatasetError
from tests.engine.datasets.conftest import pixels

PATH = Path("set.npz")
BYTES = pixels(6, 5, 6, 3)  # holds 0 and 255
BYTES[0, 0, 0] = 0, 255, 128


def one(images: Array) -> tuple[Array, list[str]]:
    found, warnings = images_as_bytes(PATH, {"x": images})
    assert found["x"].dtype == np.uint8
    return found["x"], warnings


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "u2", "i4", "i8", "u8"])
def test_integers_from_0_to_255(dtype: str) -> None:
    found, warnings = one(BYTES.astype(dtype))
    assert np.array_equal(found, BYTES)
    assert warnings == []


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", "g"])
@pytest.mark.parametrize(
    ("black", "white", "warned"), [(0, 1, ""), (0, 255, "taken as 0 to 255, black"), (-1, 1, "taken as -1 to 1, black")]
)
def test_floats_of_the_usual_ranges(dtype: str, black: float, white: float, warned: str) -> None:
    images = (BYTES.astype(np.float64) * ((white - black) / 255) + black).astype(dtype)
    found, warnings = one(images)
    assert np.array_equal(found, BYTES)
    assert bool(warnings) == bool(warned)
    assert warned in "".join(warnings)


def test_rounding_past_the_ends_is_clipped() -> None:
    images = BYTES.astype(np.float32) / 255
    images[0, 0, 0, :2] = -1e-7, 1.0000001
    assert np.array_equal(one(images)[0], BYTES)


def test_truth_values_are_black_and_white() -> None:
    assert np.array_equal(one(BYTES > 127)[0], np.where(BYTES > 127, 255, 0))


def test_sixteen_bits() -> None:
    found, warnings = one(BYTES.astype(np.uint16) * 257)
    assert np.array_equal(found, BYTES)
    assert warnings == ["The values of x are taken as 0 to 65535, black to white."]


@pytest.mark.parametrize(
    "images",
    [
        BYTES,
        np.asfortranarray(BYTES),
        np.moveaxis(BYTES, 3, 1),
        BYTES[::-1][::-1],
        np.concatenate([BYTES, np.full((6, 5, 6, 1), 255, np.uint8)], axis=3),
        np.moveaxis(np.concatenate([BYTES, np.full((6, 5, 6, 1), 255, np.uint8)], axis=3), 3, 1),
    ],
    ids=["last", "Fortran", "first", "reversed", "opaque", "opaque, first"],
)
def test_order_of_the_axes(images: Array) -> None:
    found, warnings = one(images)
    assert np.array_equal(found, BYTES)
    assert warnings == []


@pytest.mark.parametrize("shape", [(6, 5, 6), (6, 5, 6, 1), (6, 1, 5, 6)])
def test_gray(shape: tuple[int, ...]) -> None:
    assert np.array_equal(one(BYTES[..., 0].reshape(shape))[0], BYTES[..., :1])


@pytest.mark.parametrize(
    ("shape", "said"), [((2, 3, 5, 3), "5x3 with channels last"), ((2, 3, 5, 4), "4x5 with channels first")]
)
def test_axes_that_can_be_taken_in_two_ways_are_said(shape: tuple[int, ...], said: str) -> None:
    images = pixels(*shape)
    found, warnings = one(images)
    assert np.array_equal(found, images if "last" in said else np.moveaxis(images, 1, 3))
    assert warnings == [
        f"The shape {list(shape)} of x is taken as images of {said}; save it as images x height x width x channels if "
        "that is wrong."
    ]


@pytest.mark.parametrize(
    ("white", "dtype", "is_said"),
    [(100, "i8", True), (127, "i1", True), (127, "u1", False), (128, "i8", False), (16, "i8", False)],
)
def test_integers_that_stay_dark_are_said(white: int, dtype: str, is_said: bool) -> None:
    images = (BYTES.astype(int) * white // 255).astype(dtype)
    found, warnings = one(images)
    assert np.array_equal(found, images)
    assert warnings == is_said * [
        f"The brightest value of x is {white}, taken as {white} of 255; scale the values to 0 to 255 if it stands for "
        "white."
    ]


def test_transparent_parts_are_laid_on_white() -> None:
    images = np.concatenate([BYTES, np.full((6, 5, 6, 1), 255, np.uint8)], axis=3)
    images[0, 0, 0] = 0, 100, 255, 51
    found, warnings = one(images)
    assert found[0, 0, 0].tolist() == [204, 224, 255]  # a fifth of the colour, four fifths of white
    assert np.array_equal(found[1:], BYTES[1:])
    assert "fourth channel of x is taken as opacity" in warnings[0]


def test_all_parts_have_the_range_of_all_together() -> None:
    """A dark part isn't stretched: 0.5 is half as bright wherever it is the highest."""
    arrays = {"x_train": BYTES.astype(float), "x_test": np.full((2, 5, 6, 3), 100.0)}
    found, _ = images_as_bytes(PATH, arrays)
    assert np.unique(found["x_test"]).tolist() == [100]
    arrays = {"x_train": np.full((2, 5, 6), 0.5), "x_test": BYTES[..., 0] / 255}
    found, _ = images_as_bytes(PATH, arrays)
    assert np.unique(found["x_train"]).tolist() == [128]


@pytest.mark.parametrize(
    ("train", "test"), [((0, 255), (0, 1)), ((0, 1), (0, 255)), ((-1, 1), (0, 1)), ((0, 1), (-1, 1))]
)
def test_parts_of_different_ranges_are_refused(train: tuple[int, int], test: tuple[int, int]) -> None:
    """As where only one part was scaled, which would leave the other almost black."""
    arrays = {
        name: BYTES.astype(np.float32) / 255 * (white - black) + black
        for name, (black, white) in {"x_train": train, "x_test": test}.items()
    }
    with pytest.raises(DatasetError, match=r"but from .* in all parts; save all parts with the same range"):
        images_as_bytes(PATH, arrays)


@pytest.mark.parametrize("dtype", ["u1", "i8"])
def test_a_part_of_integers_that_was_scaled_alone_is_said(dtype: str) -> None:
    _, warnings = images_as_bytes(PATH, {"x_train": BYTES, "x_test": (BYTES // 255).astype(dtype)})
    assert warnings == [
        "The images of x_test are almost black, their brightest pixel is 1 of 255, and that of x_train 255; save all "
        "parts with the same range."
    ]


def some(value: Any, dtype: Any = np.float32) -> Array:
    images = np.zeros((6, 8, 8), dtype)
    images[3, 4, 5] = value
    return images


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (some(np.nan), r"has NaN or infinite values in x \(1, the first in image 3\); repair these images"),
        (some(-np.inf), "NaN or infinite values"),
        (some(1.01), r"values from 0 to 1\.01 in x, which are not clearly 0 to 1 or -1 to 1 or 0 to 255; save"),
        (some(-0.1), r"values from -0.1 to 0"),
        (some(16.0), "values from 0 to 16"),
        (some(300.0), "values from 0 to 300"),
        (np.random.default_rng(0).normal(size=(6, 8, 8)), "undo a standardisation first"),
        (some(-1, np.int16), "values from -1 to 0 in x, .* scale them to 0 to 255 and save uint8"),
        (some(4095, np.uint16), "values from 0 to 4095"),
        (some(1 + 1j, np.complex64), "has x as complex64"),
        (pixels(6, 64), r"x of shape \[6, 64\]; .*x\.reshape\(-1, 8, 8\)"),
        (
            pixels(6, 3072),
            r"x\.reshape\(-1, 32, 32, 3\), or x\.reshape\(-1, 3, 32, 32\) if red, green and blue lie apart",
        ),
        (pixels(6, 50), r"x of shape \[6, 50\]; save it as images x height x width"),
        (pixels(6, 4, 5, 4), r"shape \[6, 4, 5, 4\]"),
        (pixels(6, 8, 8, 2), r"shape \[6, 8, 8, 2\]"),
        (pixels(2, 8, 8, 8, 3), "shape"),
        (pixels(0, 8, 8), r"has no images in x, whose shape is \[0, 8, 8\]; save some in it"),
    ],
)
def test_refused(images: Array, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        one(images)
