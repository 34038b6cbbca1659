"""The available layers: output shapes, and parameter counts by formula.

The formulas of convolutions and dense layers are those of the course homework (METU EE449, Homework 1, 2023, part 1).
Padding, strides, normalisation and dropout are as Keras defines them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.config.specs import Activation
from engine.utils.errors import NetworkError

Shape = tuple[int, ...]
Padding = Literal["valid", "same"]


class _WithoutParameters:
    """A layer that learns nothing."""

    def parameters(self, _shape: Shape) -> int:
        """Return 0."""
        return 0

    def formula(self, _shape: Shape) -> str:
        """Return an empty formula."""
        return ""


class _SameShape:
    """A layer whose output has the shape of its input."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the input shape."""
        return shape


@dataclass(frozen=True)
class Conv:
    """A convolution with ``height`` x ``width`` kernels and ``filters`` output channels.

    Attributes:
        padding: ``valid``: none; ``same``: with zeros, so that at stride 1 the output is as large as the input.
        stride: pixels from one position of the kernel to the next, in both directions.
        l2: the sum of the squared weights, without biases, times this is added to the loss.
    """

    height: int
    width: int
    filters: int
    padding: Padding = "valid"
    stride: int = 1
    bias: bool = True
    l2: float = 0.0

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels) of the output.

        Raises:
            NetworkError: if the kernel does not fit.
        """
        return (*_positions(shape, (self.height, self.width), self.padding, self.stride), self.filters)

    def parameters(self, shape: Shape) -> int:
        """Return (C_in * kernel height * kernel width + 1) * C_out; the 1 is the bias."""
        return (shape[2] * self.height * self.width + self.bias) * self.filters

    def formula(self, shape: Shape) -> str:
        """Return the formula of ``parameters`` with numbers filled in."""
        weights = f"{shape[2]}·{self.height}·{self.width}"
        return f"({weights} + 1)·{self.filters}" if self.bias else f"{weights}·{self.filters}"


@dataclass(frozen=True)
class DepthwiseConv:
    """A convolution of each channel with a kernel of its own; attributes as those of ``Conv``."""

    height: int
    width: int
    padding: Padding = "valid"
    stride: int = 1
    bias: bool = True
    l2: float = 0.0

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels) of the output.

        Raises:
            NetworkError: if the kernel does not fit.
        """
        return (*_positions(shape, (self.height, self.width), self.padding, self.stride), shape[2])

    def parameters(self, shape: Shape) -> int:
        """Return (kernel height * kernel width + 1) * C; the 1 is the bias."""
        return (self.height * self.width + self.bias) * shape[2]

    def formula(self, shape: Shape) -> str:
        """Return the formula of ``parameters`` with numbers filled in."""
        weights = f"{self.height}·{self.width}"
        return f"({weights} + 1)·{shape[2]}" if self.bias else f"{weights}·{shape[2]}"


@dataclass(frozen=True)
class _Pool(_WithoutParameters):
    """Pooling over ``size`` x ``size`` windows.

    Attributes:
        stride: pixels from one window to the next; None for ``size``, so that windows lie side by side.
        padding: as of ``Conv``; what is padded does not count.
    """

    size: int
    stride: int | None = None
    padding: Padding = "valid"

    @property
    def strides(self) -> int:
        """The stride as a number."""
        return self.stride or self.size

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels) of the output.

        Raises:
            NetworkError: if no window fits.
        """
        return (*_positions(shape, (self.size, self.size), self.padding, self.strides, "pooling"), shape[2])


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The largest value of each window."""


@dataclass(frozen=True)
class AvgPool(_Pool):
    """The mean of each window."""


@dataclass(frozen=True)
class GlobalAvgPool(_WithoutParameters):
    """The mean of each channel over the whole image."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return (channels,).

        Raises:
            NetworkError: if the input is no image.
        """
        _check_is_image(shape, "pooling")
        return (shape[2],)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer on the flattened input, with or without bias; ``l2`` as of ``Conv``."""

    units: int
    bias: bool = True
    l2: float = 0.0

    def output_shape(self, _shape: Shape) -> Shape:
        """Return (units,)."""
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        """Return D_in * units, plus one bias per unit."""
        return math.prod(shape) * self.units + (self.units if self.bias else 0)

    def formula(self, shape: Shape) -> str:
        """Return the formula of ``parameters`` with numbers filled in."""
        inputs = "·".join(str(size) for size in shape)
        return f"{inputs}·{self.units}" + (f" + {self.units}" if self.bias else "")


class _Normalization(_SameShape):
    """A layer that scales and shifts each channel by two learned parameters."""

    def parameters(self, shape: Shape) -> int:
        """Return 2 * C: scale (gamma) and shift (beta) of each channel or unit."""
        return 2 * shape[-1]

    def formula(self, shape: Shape) -> str:
        """Return the formula of ``parameters`` with numbers filled in."""
        return f"2·{shape[-1]}"


@dataclass(frozen=True)
class BatchNorm(_Normalization):
    """Batch normalisation of each channel (S. Ioffe and C. Szegedy, 2015).

    In training it uses mean and variance of the whole batch, otherwise their moving averages.

    Attributes:
        momentum: share of the moving averages that a step keeps.
        epsilon: added to the variance.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3


@dataclass(frozen=True)
class LayerNorm(_Normalization):
    """Layer normalisation over the channels of each pixel, or over the units (J. Ba et al., 2016).

    Attributes:
        epsilon: added to the variance.
    """

    epsilon: float = 1e-3


@dataclass(frozen=True)
class Dropout(_SameShape, _WithoutParameters):
    """Sets a share ``rate`` of the values to 0 in training, and scales the others by 1 / (1 - rate)."""

    rate: float


@dataclass(frozen=True)
class SpatialDropout(_WithoutParameters):
    """Sets whole channels to 0 in training, otherwise as ``Dropout``."""

    rate: float

    def output_shape(self, shape: Shape) -> Shape:
        """Return the input shape.

        Raises:
            NetworkError: if the input is no image.
        """
        _check_is_image(shape, "spatial dropout")
        return shape


@dataclass(frozen=True)
class Act(_SameShape, _WithoutParameters):
    """An activation function: ``name``, or that of the run's settings if None."""

    name: Activation | None = None


@dataclass(frozen=True)
class Skip(_WithoutParameters):
    """A residual block: the output of ``body`` plus that of ``shortcut``, or plus the input if there is none.

    K. He et al., "Deep Residual Learning for Image Recognition", 2015.
    """

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()

    def output_shape(self, body: Shape, shortcut: Shape) -> Shape:
        """Return the shape of the sum of outputs of these shapes.

        Raises:
            NetworkError: if they differ.
        """
        if body != shortcut:
            raise NetworkError(self._mismatch(body, shortcut))
        return body

    def _mismatch(self, body: Shape, shortcut: Shape) -> str:
        told = f"the layers give {_size(body)} and the shortcut {_size(shortcut)}"
        if self.shortcut or len(body) != 3 or len(shortcut) != 3:
            return f"{told}, which can't be added; give both the same size and number of channels"
        stride = -(-shortcut[0] // body[0])
        strided = f"stride {stride}, " if stride > 1 else ""
        return (
            f"{told}, which can't be added; write a shortcut after a bar, such as "
            f"Skip[… | Conv-1x1x{body[2]}({strided}no bias)]"
        )


Layer = (
    Conv
    | DepthwiseConv
    | MaxPool
    | AvgPool
    | GlobalAvgPool
    | Dense
    | BatchNorm
    | LayerNorm
    | Dropout
    | SpatialDropout
    | Act
    | Skip
)


def flattened(layers: Sequence[Layer]) -> Iterator[Layer]:
    """Yield every layer, those inside of residual blocks before the block itself."""
    for layer in layers:
        if isinstance(layer, Skip):
            yield from flattened(layer.body)
            yield from flattened(layer.shortcut)
        yield layer


def replaced(layers: Sequence[Layer], change: Callable[[Layer], Layer]) -> tuple[Layer, ...]:
    """Return the layers with ``change`` applied to each that is no residual block, those inside of blocks included."""
    return tuple(
        Skip(replaced(layer.body, change), replaced(layer.shortcut, change))
        if isinstance(layer, Skip)
        else change(layer)
        for layer in layers
    )


def _positions(
    shape: Shape, window: tuple[int, int], padding: Padding, stride: int, what: str = "a convolution"
) -> tuple[int, int]:
    """Return at how many rows and columns of an image a window is placed.

    Raises:
        NetworkError: if the input is no image, or the window does not fit.
    """
    _check_is_image(shape, what)
    if padding == "same":
        return -(-shape[0] // stride), -(-shape[1] // stride)
    height, width = ((size - side) // stride + 1 for size, side in zip(shape, window, strict=False))
    if min(height, width) < 1:
        window_text = f"a {window[1]}x{window[0]} kernel" if what != "pooling" else f"{window[1]}x{window[0]} pooling"
        raise NetworkError(f"{window_text} does not fit on a {shape[1]}x{shape[0]} image")
    return height, width


def _check_is_image(shape: Shape, what: str) -> None:
    if len(shape) != 3:
        raise NetworkError(f"{what} needs an image, and a layer before it has left none")


def _size(shape: Shape) -> str:
    return "x".join(map(str, shape))
