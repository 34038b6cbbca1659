"""The available layers: output shapes, and parameter counts by formula.

The formulas are those of the course homework (METU EE449, Homework 1, 2023, part 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from engine.config.specs import Activation
from engine.utils.errors import NetworkError

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Conv:
    """A convolution of stride 1 without padding: ``height`` x ``width`` kernels, ``filters`` output channels."""

    height: int
    width: int
    filters: int

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height, width, channels) of the output.

        Raises:
            NetworkError: if the kernel does not fit.
        """
        _check_is_image(shape, "a convolution")
        height, width = shape[0] - self.height + 1, shape[1] - self.width + 1
        if min(height, width) < 1:
            raise NetworkError(f"a {self.width}x{self.height} kernel does not fit on a {shape[1]}x{shape[0]} image")
        return height, width, self.filters

    def parameters(self, shape: Shape) -> int:
        """Return (C_in * kernel height * kernel width + 1) * C_out; the 1 is the bias."""
        return (shape[2] * self.height * self.width + 1) * self.filters

    def formula(self, shape: Shape) -> str:
        """Return the formula of ``parameters`` with numbers filled in."""
        return f"({shape[2]}·{self.height}·{self.width} + 1)·{self.filters}"


@dataclass(frozen=True)
class MaxPool:
    """Max-pooling over ``size`` x ``size`` windows with stride ``size``."""

    size: int

    def output_shape(self, shape: Shape) -> Shape:
        """Return (height // size, width // size, channels).

        Raises:
            NetworkError: if no window fits.
        """
        _check_is_image(shape, "pooling")
        height, width = shape[0] // self.size, shape[1] // self.size
        if min(height, width) < 1:
            raise NetworkError(f"{self.size}x{self.size} pooling does not fit on a {shape[1]}x{shape[0]} image")
        return height, width, shape[2]

    def parameters(self, _shape: Shape) -> int:
        """Return 0: pooling has no parameters."""
        return 0

    def formula(self, _shape: Shape) -> str:
        """Return an empty formula."""
        return ""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer on the flattened input, with or without bias."""

    units: int
    bias: bool = True

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


@dataclass(frozen=True)
class Act:
    """An activation function: ``name``, or that of the run's settings if None."""

    name: Activation | None = None

    def output_shape(self, shape: Shape) -> Shape:
        """Return the input shape."""
        return shape

    def parameters(self, _shape: Shape) -> int:
        """Return 0: an activation has no parameters."""
        return 0

    def formula(self, _shape: Shape) -> str:
        """Return an empty formula."""
        return ""


Layer = Conv | MaxPool | Dense | Act


def _check_is_image(shape: Shape, what: str) -> None:
    if len(shape) != 3:
        raise NetworkError(f"{what} needs an image, and a dense layer before it has left none")
