"""Kernels in the layout that the course's plotting, and PyTorch, expect."""

from __future__ import annotations

import numpy as np

from engine.arrays import Array


def to_pytorch_layout(kernel: Array, input_shape: tuple[int, ...]) -> Array:
    """A copy of a Keras kernel, float32, in PyTorch's layout.

    A convolution's (height, width, in, out) becomes (out, in, height, width). A dense layer's (inputs, units) becomes
    (units, inputs); where its inputs are a flattened image of ``input_shape`` (height, width, channels), they are put
    in PyTorch's order (channels, height, width).
    """
    if kernel.ndim == 4:
        ordered = kernel.transpose(3, 2, 0, 1)
    elif len(input_shape) == 3:
        units = kernel.shape[1]
        ordered = kernel.reshape(*input_shape, units).transpose(3, 2, 0, 1).reshape(units, -1)
    else:
        ordered = kernel.T
    return np.array(ordered, dtype=np.float32, order="C")
