"""engine.training.augmentation.augmenter: images are changed as drawn, whatever their batch and normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from engine.config.augmentation import AugmentationSpec
from engine.config.specs import DataSpec
from engine.datasets.prepare import Preparation, describe_dataset
from engine.training.augmentation.augmenter import Augmenter
from engine.training.augmentation.draws import affine_transforms, draw
from engine.training.augmentation.samples import augment_samples

COUNT = 12
ALL: dict[str, Any] = {
    **{"flip": True, "shift": 2, "rotation": 20, "zoom": 0.2, "brightness": 0.3, "contrast": 0.4},
    **{"cutout": 3, "mixup": 0.5},
}


def some_images(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).random((COUNT, *shape), dtype=np.float32)


def augmenter(shape: tuple[int, int, int], black: float = 0.0, white: float = 1.0, **settings: Any) -> Augmenter:
    channels = shape[2]
    return Augmenter(AugmentationSpec(**settings), 5, COUNT, shape, (black,) * channels, (white,) * channels)


def augmented(made: Augmenter, images: np.ndarray, chosen: list[int] | None = None) -> np.ndarray:
    numbers = tf.constant(range(COUNT) if chosen is None else chosen, tf.int32)
    return made.batch(tf.constant(images), tf.zeros(COUNT, tf.int32), numbers)[0].numpy()


def moved(images: np.ndarray, border: str, interpolates: bool, **changes: np.ndarray) -> np.ndarray:
    """Images moved by given amounts, as the augmenter moves them."""
    still = {
        "flips": np.zeros(COUNT, bool),
        "shifts": np.zeros((COUNT, 2)),
        "degrees": np.zeros(COUNT),
        "zooms": np.ones(COUNT),
    }
    transforms = affine_transforms(images.shape[1:3], **(still | changes))
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=images.shape[1:3],
        fill_value=-1.0,
        interpolation="BILINEAR" if interpolates else "NEAREST",
        fill_mode="CONSTANT" if border == "black" else "REFLECT",
    ).numpy()


PADDING = {"black": {"mode": "constant", "constant_values": -1}, "reflect": {"mode": "symmetric"}}


@pytest.mark.parametrize("interpolates", [False, True])
@pytest.mark.parametrize("border", PADDING)
def test_flips_shifts_and_right_angles_equal_numpys_exactly(border: str, interpolates: bool) -> None:
    for shape in ((5, 8, 1), (6, 6, 3)):
        images = some_images(shape)
        flipped = moved(images, border, interpolates, flips=np.ones(COUNT, bool))
        assert np.array_equal(flipped, images[:, :, ::-1])
        shifts = np.random.default_rng(1).integers(-3, 4, (COUNT, 2))
        padded = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), **PADDING[border])
        expected = [
            image[3 - down : 3 - down + shape[0], 3 - right : 3 - right + shape[1]]
            for image, (down, right) in zip(padded, shifts, strict=True)
        ]
        assert np.array_equal(moved(images, border, interpolates, shifts=shifts), expected)
    for turns in (-2, -1, 1, 2):
        turned = moved(images, border, interpolates, degrees=np.full(COUNT, 90.0 * turns))
        assert np.array_equal(turned, np.rot90(images, turns, axes=(1, 2)))


@pytest.mark.parametrize("black", [-1.0, 0.0])
def test_a_shift_is_a_crop_of_the_padded_image(black: float) -> None:
    images = some_images((7, 9, 3))
    found = augmented(augmenter((7, 9, 3), black, shift=2, border="black"), images)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=black)
    offsets = draw(AugmentationSpec(shift=2), 5, 0, COUNT, (7, 9)).transforms[:, [5, 2]].astype(int) + 2
    expected = [image[y : y + 7, x : x + 9] for image, (y, x) in zip(padded, offsets, strict=True)]
    assert np.array_equal(found, expected)
    assert len({tuple(offset) for offset in offsets.tolist()}) > 3


def test_brightness_contrast_and_cutout_are_as_documented() -> None:
    images = some_images((7, 9, 3))
    settings = {"brightness": 0.5, "contrast": 0.5, "cutout": 3}
    drawn = draw(AugmentationSpec(**settings), 5, 0, COUNT, (7, 9))
    expected = (images - 0.5) * drawn.contrast.reshape(-1, 1, 1, 1) + 0.5 + drawn.brightness.reshape(-1, 1, 1, 1)
    expected = np.clip(expected, 0, 1)
    for image, (row, column) in zip(expected, drawn.cutout, strict=True):
        image[max(row, 0) : row + 3, max(column, 0) : column + 3] = 0.5
    assert np.abs(augmented(augmenter((7, 9, 3), **settings), images) - expected).max() < 1e-6


def test_mixed_images_have_two_labels_whose_weights_sum_to_one() -> None:
    images, labels = some_images((4, 4, 1)), tf.range(COUNT)
    drawn = draw(AugmentationSpec(mixup=0.5), 5, 0, COUNT, (4, 4))
    found, ((own, share), (other, rest)) = augmenter((4, 4, 1), mixup=0.5).batch(tf.constant(images), labels, labels)
    assert own.numpy().tolist() == list(range(COUNT))
    assert other.numpy().tolist() == drawn.partners.tolist()
    assert np.array_equal(share, drawn.weights)
    assert np.allclose(share + rest, 1)
    weights = drawn.weights.reshape(-1, 1, 1, 1)
    assert np.abs(found - (weights * images + (1 - weights) * images[drawn.partners])).max() < 1e-6


@pytest.mark.parametrize("settings", [ALL, {"flip": True, "shift": 1}], ids=["all", "moved"])
def test_an_image_does_not_depend_on_its_batch(settings: dict[str, Any]) -> None:
    shape = (9, 8, 3)
    images, made = some_images(shape), augmenter(shape, **settings)
    together = augmented(made, images)
    assert np.array_equal(augmented(augmenter(shape, **settings), images), together)
    for chosen in ([3], [11, 3, 3, 0], list(range(COUNT - 1, -1, -1))):
        assert np.array_equal(augmented(made, images, chosen), together[chosen])
    made.begin_epoch(1)
    assert not np.array_equal(augmented(made, images), together)
    made.begin_epoch(0)
    assert np.array_equal(augmented(made, images), together)


@pytest.mark.parametrize("grayscale", [False, True])
@pytest.mark.parametrize("border", ["black", "reflect"])
def test_normalisation_makes_no_difference(border: str, grayscale: bool) -> None:
    """To augment prepared images is to prepare augmented ones, with different means and deviations of the channels."""
    bytes_seen = np.random.default_rng(2).integers(0, 256, (COUNT, 8, 8, 3), dtype=np.uint8)
    means, deviations = np.array([0.5, 0.4, 0.3], np.float32), np.array([0.2, 0.25, 0.3], np.float32)
    preparation = Preparation(means, deviations, grayscale)
    # Clipping is the one operation that is not linear, so a gray value is clipped at gray, not channel by channel.
    spec = AugmentationSpec(**(ALL | {"border": border, "brightness": 0, "contrast": 0 if grayscale else 0.4}))
    prepared = preparation.apply(bytes_seen)
    levels = preparation.level(0), preparation.level(255)
    found = augmented(Augmenter(spec, 5, COUNT, (8, 8, prepared.shape[3]), *levels), prepared)
    plain = Augmenter(spec, 5, COUNT, (8, 8, 3), (0.0,) * 3, (1.0,) * 3)
    pixels = augmented(plain, bytes_seen.astype(np.float32) / 255)
    expected = (pixels - means) / deviations
    if grayscale:
        expected = expected @ np.array([[0.2989], [0.587], [0.114]], np.float32)
    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize(("normalization", "black", "white"), [("half", -1, 1), ("none", 0, 1), ("bytes", 0, 255)])
def test_a_data_set_tells_its_black_and_white(normalization: str, black: float, white: float) -> None:
    info = describe_dataset(DataSpec(normalization=normalization), lambda *_told: None)
    assert (info.black, info.white) == (pytest.approx((black,)), pytest.approx((white,)))


def test_samples_are_augmented_as_in_training() -> None:
    stored = np.random.default_rng(3).integers(0, 256, (COUNT, 8, 8, 1), dtype=np.uint8)
    spec = AugmentationSpec(**ALL)
    trained = augmented(augmenter((8, 8, 1), **ALL), stored.astype(np.float32) / 255)
    shown = augment_samples(stored, spec, seed=5)
    assert shown.dtype == np.uint8
    assert np.abs(shown / 255 - trained).max() <= 0.5 / 255 + 1e-6
    assert augment_samples(stored[:0], spec, 5).shape == (0, 8, 8, 1)
