"""engine.weight_images: kernels as images."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events import Weights
from engine.training.kernels import to_pytorch_layout
from engine.weight_images import GAP, LEAST_SIDE, common_scale, tile, to_bytes, weight_images

WHITE = 255


def seen(values: np.ndarray, input_shape: tuple[int, ...]) -> np.ndarray:
    return weight_images(Weights(1, 0, 0, "layer", input_shape, values.astype(np.float32)))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_dense_unit_is_shown_as_the_image_it_looks_for(channels: int) -> None:
    shape = (6, 5, channels)
    images = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    kernel = images.reshape(4, -1).T  # in Keras' layout, a unit's weights stand in the order of the pixels
    assert np.array_equal(seen(to_pytorch_layout(kernel, shape), shape), images)


def test_a_convolution_on_colour_is_shown_in_colour() -> None:
    values = np.random.default_rng(0).normal(size=(8, 3, 5, 4))
    assert np.array_equal(seen(values, (32, 32, 3)), values.astype(np.float32).transpose(0, 2, 3, 1))


def test_channels_that_are_no_colours_are_averaged() -> None:
    values = np.random.default_rng(0).normal(size=(8, 16, 3, 3)).astype(np.float32)
    images = seen(values, (10, 10, 16))
    assert images.shape == (8, 3, 3, 1)
    assert images[..., 0] == pytest.approx(values.mean(axis=1), abs=1e-6)


def test_a_later_dense_layer_is_shown_as_rows() -> None:
    assert seen(np.ones((64, 32)), (32,)).shape == (64, 1, 32, 1)


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


def test_images_stand_in_a_grid_in_reading_order() -> None:
    images = np.arange(1, 5, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis] * np.ones((1, 30, 30, 1), np.uint8)
    grid = tile(images, 0)[..., 0]
    assert [grid[GAP, GAP], grid[GAP, 40], grid[40, GAP], grid[40, 40]] == [1, 2, 3, 4]


def test_small_kernels_are_enlarged_pixel_by_pixel() -> None:
    kernel = np.arange(9, dtype=np.uint8).reshape(1, 3, 3, 1)
    grid = tile(kernel, WHITE)[GAP:-GAP, GAP:-GAP, 0]
    assert min(grid.shape) >= LEAST_SIDE
    factor = grid.shape[0] // 3
    assert np.array_equal(grid[::factor, ::factor], kernel[0, ..., 0])
    assert np.array_equal(grid, kernel[0, ..., 0].repeat(factor, axis=0).repeat(factor, axis=1))
