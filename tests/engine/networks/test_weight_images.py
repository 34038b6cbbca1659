"""engine.networks.weight_images: weights as images."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events.runs import Weights
from engine.networks.weight_images import (
    GAP,
    MIN_HEIGHT,
    MIN_SIDE,
    WeightImages,
    common_scale,
    tile,
    to_bytes,
    weight_images,
)
from engine.training.callbacks.weights import to_pytorch_layout

WHITE = 255


def seen(values: np.ndarray, input_shape: tuple[int, ...]) -> WeightImages:
    return weight_images(Weights(1, 0, 0, "layer", input_shape, values.astype(np.float32)))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_dense_unit_is_shown_as_the_image_it_looks_for(channels: int) -> None:
    shape = (6, 5, channels)
    images = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    kernel = images.reshape(4, -1).T  # Keras' layout: a unit's weights in the order of the pixels
    found = seen(to_pytorch_layout(kernel, shape), shape)
    assert np.array_equal(found.images, images)
    assert found.columns is None


def test_a_convolution_on_colour_is_shown_in_colour() -> None:
    values = np.random.default_rng(0).normal(size=(8, 3, 5, 4))
    found = seen(values, (32, 32, 3))
    assert np.array_equal(found.images, values.astype(np.float32).transpose(0, 2, 3, 1))
    assert found.columns is None


@pytest.mark.parametrize("channels", [2, 4, 16])
def test_channels_that_are_no_colours_stand_in_a_row_each_output_below_the_other(channels: int) -> None:
    values = np.random.default_rng(0).normal(size=(8, channels, 5, 3)).astype(np.float32)
    found = seen(values, (10, 10, channels))
    assert found.columns == channels
    assert found.images.shape == (8 * channels, 5, 3, 1)
    assert np.array_equal(found.images[2 * channels + 1, ..., 0], values[2, 1])


def test_a_dense_layer_after_a_convolution_has_an_image_for_each_channel_it_sees() -> None:
    """Keras flattens (height, width, channels); what is shown must follow the layout that was stored."""
    kernel = np.random.default_rng(0).normal(size=(3 * 2 * 4, 10)).astype(np.float32)
    found = seen(to_pytorch_layout(kernel, (3, 2, 4)), (3, 2, 4))
    assert (found.images.shape, found.columns) == ((40, 3, 2, 1), 4)
    of_class_7_and_channel_1 = kernel[:, 7].reshape(3, 2, 4)[..., 1]
    assert np.array_equal(found.images[7 * 4 + 1, ..., 0], of_class_7_and_channel_1)


def test_a_later_dense_layer_is_shown_as_strips_under_one_another() -> None:
    values = np.random.default_rng(0).normal(size=(64, 32)).astype(np.float32)
    found = seen(values, (32,))
    assert (found.images.shape, found.columns) == ((64, 1, 32, 1), 1)
    assert np.array_equal(found.images[:, 0, :, 0], values)


def test_the_scale_is_the_largest_magnitude_and_never_zero() -> None:
    assert common_scale(np.array([0.5, -2.0])) == 2.0
    assert common_scale(np.zeros(3)) == 1.0


def test_bytes_go_from_black_over_middle_gray_to_white() -> None:
    assert to_bytes(np.array([-2.0, 0.0, 2.0, 3.0]), 2.0).tolist() == [0, 128, 255, 255]


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (6, 2, 3), (8, 2, 4), (7, 3, 3), (32, 4, 8)])
def test_a_grid_has_no_empty_cell_where_it_can_and_a_gap_around_each_image(count: int, rows: int, columns: int) -> None:
    images = np.zeros((count, 30, 40, 1), dtype=np.uint8)
    grid = tile(images, WHITE)
    assert grid.shape == (rows * (30 + GAP) + GAP, columns * (40 + GAP) + GAP, 1)
    assert (grid == 0).sum() == images.size
    assert (grid[:GAP] == WHITE).all()
    assert (grid[:, :GAP] == WHITE).all()


@pytest.mark.parametrize(("columns", "shape"), [(1, (6, 1)), (2, (3, 2)), (4, (2, 4)), (6, (1, 6))])
def test_a_grid_has_as_many_columns_as_it_is_told(columns: int, shape: tuple[int, int]) -> None:
    grid = tile(np.zeros((6, 30, 40, 1), dtype=np.uint8), WHITE, columns)
    assert grid.shape == (shape[0] * (30 + GAP) + GAP, shape[1] * (40 + GAP) + GAP, 1)


def test_strips_are_high_enough_to_be_seen() -> None:
    grid = tile(np.zeros((3, 1, 64, 1), dtype=np.uint8), WHITE, 1)
    assert grid.shape == (3 * (MIN_HEIGHT + GAP) + GAP, MIN_HEIGHT * 64 + 2 * GAP, 1)


def test_images_stand_in_a_grid_in_reading_order() -> None:
    images = np.arange(1, 5, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis] * np.ones((1, 30, 30, 1), np.uint8)
    grid = tile(images, 0)[..., 0]
    assert [grid[GAP, GAP], grid[GAP, 40], grid[40, GAP], grid[40, 40]] == [1, 2, 3, 4]


def test_small_kernels_are_enlarged_pixel_by_pixel() -> None:
    kernel = np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1)
    grid = tile(kernel, WHITE)[GAP:-GAP, GAP:-GAP, 0]
    assert min(grid.shape) >= MIN_SIDE
    factor = grid.shape[0] // 3
    assert np.array_equal(grid[::factor, ::factor], kernel[0, ..., 0])
    assert np.array_equal(grid, kernel[0, ..., 0].repeat(factor, axis=0).repeat(factor, axis=1))
