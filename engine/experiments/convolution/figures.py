"""Matplotlib grids of outputs: one row per input image, one column per kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

import engine.analysis.figures  # noqa: F401  sets the rcParams that make SVG files reproducible
from engine.experiments.convolution.numpy_convolution import largest_magnitude, normalized
from engine.utils.arrays import Array
from engine.utils.text import pluralise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["output_grid"]

# More cells would be too small to see on a page.
MAX_ROWS, MAX_COLUMNS = 10, 16
CELL_INCHES = 1.05
MIN_WIDTH = 6.0  # inches, for title and colour bar


def output_grid(input: Array, kernel: Array, output: Array, names: Sequence[str], stretched: bool) -> Figure:
    """Draw outputs with their input images at the left and their kernels on top.

    Raw outputs share one grey scale with 0 in its middle; ``stretched`` ones are each normalised to [0, 1]. Inputs and
    kernels are averaged over their channels; at most 10 images and 16 kernels are drawn.
    """
    rows, columns = min(len(input), MAX_ROWS), min(len(kernel), MAX_COLUMNS)
    output = normalized(output) if stretched else output
    high = 1.0 if stretched else largest_magnitude(output)
    low = 0.0 if stretched else -high
    size = max(CELL_INCHES * (columns + 1) + 0.4, MIN_WIDTH), CELL_INCHES * (rows + 1) + 1.2
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows + 1, columns + 1, squeeze=False)
    grid[0, 0].set_axis_off()
    for column in range(columns):
        _show_kernel(grid[0, column + 1], kernel[column], names[column])
    for row in range(rows):
        _show(grid[row + 1, 0], input[row].mean(axis=0), float(input.min()), float(input.max()))
        for column in range(columns):
            drawn = _show(grid[row + 1, column + 1], output[row, column], low, high)
    label = "output, each normalised to [0, 1]" if stretched else "output"
    figure.colorbar(drawn, ax=grid, location="bottom", shrink=0.5, aspect=40, label=label)
    figure.suptitle(_title(input, kernel, rows, columns))
    return figure


def _show_kernel(axes: Axes, kernel: Array, name: str) -> None:
    values = kernel.mean(axis=0)
    scale = largest_magnitude(values)
    _show(axes, values, -scale, scale)
    axes.set_title(name, fontsize="small")


def _show(axes: Axes, image: Array, low: float, high: float) -> AxesImage:
    axes.set_xticks([])
    axes.set_yticks([])
    return axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")


def _title(input: Array, kernel: Array, rows: int, columns: int) -> str:
    images, kernels = _count_text(rows, len(input), "image"), _count_text(columns, len(kernel), "kernel")
    return f"{images} (rows) convolved with {kernels} (columns)"


def _count_text(shown: int, total: int, noun: str) -> str:
    return pluralise(total, noun) if shown == total else f"{shown} of {pluralise(total, noun)}"
