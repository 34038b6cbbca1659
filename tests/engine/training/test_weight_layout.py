"""engine.training.callbacks.weights: weights of Keras in PyTorch's layout."""

from __future__ import annotations

import numpy as np
import pytest

from engine.events.runs import Weights
from engine.networks.weight_images import weight_images
from engine.training.callbacks.weights import to_pytorch_layout


def counting(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_convolution_becomes_out_in_height_width(channels: int) -> None:
    kernel = counting(3, 5, channels, 16)
    converted = to_pytorch_layout(kernel, (32, 32, channels))
    assert converted.shape == (16, channels, 3, 5)
    assert converted[7, channels - 1, 2, 4] == kernel[2, 4, channels - 1, 7]


def test_a_depthwise_convolution_becomes_channels_1_height_width() -> None:
    kernel = counting(3, 5, 6, 1)
    converted = to_pytorch_layout(kernel, (32, 32, 6), is_depthwise=True)
    assert converted.shape == (6, 1, 3, 5)
    assert converted[4, 0, 2, 3] == kernel[2, 3, 4, 0]
    images = weight_images(Weights(1, 0, 0, "depthwiseconv_1", (32, 32, 6), converted)).images
    assert images.shape == (6, 3, 5, 1), "a gray image for each channel"
    assert np.array_equal(images[4, :, :, 0], kernel[:, :, 4, 0])


def test_a_dense_layer_on_gray_images_becomes_units_by_inputs() -> None:
    kernel = counting(32 * 32, 8)
    assert np.array_equal(to_pytorch_layout(kernel, (32, 32, 1)), kernel.T)


def test_a_dense_layer_on_colour_images_puts_channels_first_as_pytorch_flattens() -> None:
    height, width, channels, units = 4, 5, 3, 2
    kernel = counting(height * width * channels, units)
    image = np.random.default_rng(0).normal(size=(height, width, channels)).astype(np.float32)
    converted = to_pytorch_layout(kernel, (height, width, channels))
    assert converted.shape == (units, channels * height * width)
    assert converted @ image.transpose(2, 0, 1).ravel() == pytest.approx(image.ravel() @ kernel, rel=1e-5)


def test_a_later_dense_layer_is_transposed() -> None:
    kernel = counting(32, 64)
    assert np.array_equal(to_pytorch_layout(kernel, (32,)), kernel.T)


@pytest.mark.parametrize(("kernel", "shape"), [(counting(3, 3, 1, 2), (8, 8, 1)), (counting(4, 2), (4,))])
def test_the_result_is_a_contiguous_float32_copy(kernel: np.ndarray, shape: tuple[int, ...]) -> None:
    converted = to_pytorch_layout(kernel, shape)
    assert converted.dtype == np.float32
    assert converted.flags.c_contiguous
    assert not np.shares_memory(converted, kernel)
