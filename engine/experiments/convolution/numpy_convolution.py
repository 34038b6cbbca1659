"""Forward convolution, implemented three ways in NumPy, and the framework's own.

All functions take an input [batch, in_channels, height, width] and a kernel [out_channels, in_channels, kernel_height,
kernel_width] and return [batch, out_channels, height - kernel_height + 1, width - kernel_width + 1]: stride 1, no
padding, no bias, and cross-correlation, as deep-learning frameworks define it (METU EE449, Homework 1, 2023, part 2).
The loops compute in float64, the others in float32 if it represents both arrays exactly, else in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.utils.arrays import Array
from engine.utils.errors import SpecError

# About ten seconds of plain loops; also bounds the copied windows of the vectorised methods, at 8 bytes each.
MAX_MULTIPLICATIONS = 20_000_000
MAX_IMAGES = MAX_KERNELS = 1000  # more can't be browsed

METHODS = {
    "loops": "Plain loops",
    "windows": "Sliding windows and einsum",
    "im2col": "im2col and a matrix product",
    "framework": "TensorFlow",
}


def check_shapes(input: Array, kernel: Array) -> None:
    """Check that input and kernel can be convolved in reasonable time.

    Raises:
        SpecError: if their shapes do not match or are too large.
    """
    if input.ndim != 4 or kernel.ndim != 4:
        raise SpecError(
            f"input has {input.ndim} dimensions and kernel {kernel.ndim}, but both need 4: input [batch, channels, "
            "height, width] and kernel [out channels, in channels, height, width]."
        )
    if not input.size or not kernel.size:
        raise SpecError(f"input {_size(input)} or kernel {_size(kernel)} is empty; every dimension must be at least 1.")
    if input.shape[1] != kernel.shape[1]:
        raise SpecError(
            f"input {_size(input)} has {input.shape[1]} channels and kernel {_size(kernel)} is made for "
            f"{kernel.shape[1]}; the second dimension of both must be the same."
        )
    if kernel.shape[2] > input.shape[2] or kernel.shape[3] > input.shape[3]:
        raise SpecError(
            f"the kernel's {_size(kernel[0, 0])} values don't fit into images of {_size(input[0, 0])}; use larger "
            "images or smaller kernels."
        )
    if len(input) > MAX_IMAGES or len(kernel) > MAX_KERNELS:
        raise SpecError(
            f"input has {len(input):,} images and kernel {len(kernel):,} output channels, but at most {MAX_IMAGES:,} "
            f"and {MAX_KERNELS:,} can be shown; use fewer."
        )
    if (products := count_multiplications(input, kernel)) > MAX_MULTIPLICATIONS:
        raise SpecError(
            f"input {_size(input)} with kernel {_size(kernel)} takes {products:,} multiplications, more than the "
            f"{MAX_MULTIPLICATIONS:,} that plain loops get through in reasonable time; use fewer or smaller images."
        )


def output_shape(input: Array, kernel: Array) -> tuple[int, int, int, int]:
    """Return the output shape [batch, out_channels, height, width]."""
    (batch, _, height, width), (out, _, kernel_height, kernel_width) = input.shape, kernel.shape
    return batch, out, height - kernel_height + 1, width - kernel_width + 1


def count_multiplications(input: Array, kernel: Array) -> int:
    """Count the multiplications of the definition: one per output value and value of its kernel."""
    batch, _, height, width = output_shape(input, kernel)
    return batch * height * width * kernel.size


def conv2d_loops(input: Array, kernel: Array, row_done: Callable[[int], None] = lambda _row: None) -> Array:
    """Convolve with one loop per index, in float64.

    ``row_done`` is called with the number of finished output rows, after each of batch * out_channels * height rows.
    """
    input, kernel = input.astype(np.float64), kernel.astype(np.float64)
    output = np.zeros(output_shape(input, kernel))
    rows = 0
    for image in range(output.shape[0]):
        for out in range(output.shape[1]):
            for row in range(output.shape[2]):
                for column in range(output.shape[3]):
                    total = 0.0
                    for channel in range(kernel.shape[1]):
                        for i in range(kernel.shape[2]):
                            for j in range(kernel.shape[3]):
                                value = input[image, channel, row + i, column + j]
                                total += value * kernel[out, channel, i, j]
                    output[image, out, row, column] = total
                rows += 1
                row_done(rows)
    return output


def conv2d_windows(input: Array, kernel: Array) -> Array:
    """Convolve by a view of all windows without a copy, and one einsum over channel and kernel position."""
    input, kernel = _floats(input, kernel)
    windows = np.lib.stride_tricks.sliding_window_view(input, kernel.shape[2:], axis=(2, 3))
    # With "optimize" the sum becomes a matrix product, several times as fast as einsum's own loops.
    output: Array = np.einsum("bcyxij,ocij->boyx", windows, kernel, optimize=True)
    return np.ascontiguousarray(output)


def conv2d_im2col(input: Array, kernel: Array) -> Array:
    """Convolve by im2col: a matrix with one kernel per row, times a matrix with one window per column."""
    input, kernel = _floats(input, kernel)
    batch, out, height, width = output_shape(input, kernel)
    columns = np.empty((batch, *kernel.shape[1:], height, width), input.dtype)
    for i in range(kernel.shape[2]):
        for j in range(kernel.shape[3]):
            columns[:, :, i, j] = input[:, :, i : i + height, j : j + width]
    product: Array = kernel.reshape(out, -1) @ columns.reshape(batch, -1, height * width)
    return product.reshape(batch, out, height, width)


def conv2d_framework(input: Array, kernel: Array) -> Array:
    """Convolve with TensorFlow, channels last."""
    import tensorflow as tf

    input, kernel = _floats(input, kernel)
    images, filters = input.transpose(0, 2, 3, 1), kernel.transpose(2, 3, 1, 0)
    output: Array = tf.nn.conv2d(images, filters, strides=1, padding="VALID").numpy()
    return np.ascontiguousarray(output.transpose(0, 3, 1, 2))


def normalized(outputs: Array) -> Array:
    """Normalise each image of [..., height, width] to [0, 1], float64; a constant image becomes 0."""
    outputs = outputs.astype(np.float64)
    low, high = outputs.min(axis=(-2, -1), keepdims=True), outputs.max(axis=(-2, -1), keepdims=True)
    # Halved, as the difference of two finite numbers can overflow.
    span = np.where(high > low, high / 2 - low / 2, 1.0)
    stretched: Array = (outputs / 2 - low / 2) / span
    return stretched


def largest_magnitude(values: Array) -> float:
    """Return the largest absolute value, the end of the symmetric grey scale of raw values; 1 if all are 0."""
    return float(np.abs(values.astype(np.float64)).max()) or 1.0


def _floats(input: Array, kernel: Array) -> tuple[Array, Array]:
    """Convert both to float32 if it represents every value of their types, else to float64."""
    single = np.result_type(input, kernel, np.float32) == np.float32
    dtype = np.float32 if single else np.float64
    return input.astype(dtype), kernel.astype(dtype)


def _size(array: Array) -> str:
    return "x".join(str(length) for length in array.shape)
