"""Decimation of curves, smoothed or not, to about as many points as the plot has columns of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QPen

from engine.analysis.smoothing import exponential_average
from engine.utils.arrays import Array
from gui.observations.aligned import AlignedCurve
from gui.observations.growable_array import GrowableArray
from gui.observations.statistics import RepeatedCurve
from gui.plots.curves.options import Repeats
from gui.plots.curves.pyramid import Pyramid

# If records per pixel vary (logarithmic axis, time), the block size is chosen for each slice of the axis.
SLICES = 16
MIN_COLUMNS = 4
DOT_PIXELS = 6  # diameter of a curve that has a single record

Statistics = RepeatedCurve | AlignedCurve


@dataclass(frozen=True)
class Frame:
    """The visible part of a plot.

    Attributes:
        x: range in the unit of the axis, logarithms if it is logarithmic.
        y: likewise.
        width: pixels.
        height: pixels.
        even: whether records are evenly spaced along x before logarithms.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    width: float
    height: float
    logarithmic_x: bool
    logarithmic_y: bool
    even: bool = True

    def to_axis_x(self, values: Array) -> Array:
        """Convert values to positions on the x axis; NaN if there is no logarithm."""
        return logarithms(values) if self.logarithmic_x else values

    def on_axis_x(self, value: float) -> float:
        """Convert one value to a position on the x axis."""
        return float(self.to_axis_x(np.array([value]))[0])

    def to_axis_y(self, values: Array) -> Array:
        """Convert values to positions on the y axis; NaN if there is no logarithm."""
        return logarithms(values) if self.logarithmic_y else values

    def edges(self) -> Array:
        """Return ascending values of x between which the number of records per pixel is about constant."""
        if self.even and not self.logarithmic_x:
            return np.array(self.x)
        ends = np.linspace(*self.x, SLICES + 1)
        return 10**ends if self.logarithmic_x else ends


def logarithms(values: Array) -> Array:
    """Return the base-10 logarithms, NaN for values that are not positive."""
    positive = values > 0
    return np.log10(values, where=positive, out=np.full(len(values), np.nan))


class Envelope:
    """Lower and upper curve over the same x; equal for a line.

    Attributes:
        x: float [values], non-decreasing.
        low: float [values].
        high: float [values].
    """

    def __init__(self) -> None:
        self.x, self.low, self.high = np.empty(0), np.empty(0), np.empty(0)
        self.pyramid = Pyramid()

    def update(self, x: Array, low: Array, high: Array, first: int) -> None:
        """Replace the curves, unchanged before position ``first``."""
        self.x, self.low, self.high = x, low, high
        self.pyramid.update(low, high, first)

    def bounds(self, positive: bool) -> tuple[float, float] | None:
        """Return minimum and maximum, of positive values only if ``positive``; None if there are none."""
        bounds = self.pyramid.bounds
        if bounds is None or not positive or bounds[0] > 0:
            return bounds
        kept = self.low[self.low > 0]
        return (float(kept.min()), bounds[1]) if len(kept) else None

    def clear(self) -> None:
        """Remove all values."""
        empty = np.empty(0)
        self.update(empty, empty, empty, 0)

    def visible_part(
        self, frame: Frame, x_scale: float, y_scale: float, columns: int
    ) -> tuple[Array, Array, Array, bool]:
        """Decimate the visible part of the curves.

        Args:
            frame: the visible part of the plot.
            x_scale: factor from ``x`` to the axis' unit.
            y_scale: factor from the values to the axis' unit.
            columns: approximate maximum number of points.

        Returns:
            Axis positions of x, low and high, float [points] each, and whether the points represent blocks of values.
        """
        edges = frame.edges() / x_scale
        positions = np.searchsorted(self.x, edges)
        # One more on each side, so that the curve continues beyond the frame.
        positions[0], positions[-1] = max(positions[0] - 1, 0), min(positions[-1] + 1, len(self.x))
        if positions[-1] - positions[0] <= columns:
            positions = positions[[0, -1]]
        per_slice = max(columns // (len(positions) - 1), MIN_COLUMNS)
        pieces = [self._piece(int(first), int(last), per_slice) for first, last in pairwise(positions) if last > first]
        if not pieces:
            return (*(np.empty(0),) * 3, False)
        x, low, high = (
            np.concatenate(part) if len(part) > 1 else part[0] for part in list(zip(*pieces, strict=True))[:3]
        )
        blocks = any(level > 0 for *_, level in pieces)
        return frame.to_axis_x(x * x_scale), frame.to_axis_y(low * y_scale), frame.to_axis_y(high * y_scale), blocks

    def _piece(self, first: int, last: int, columns: int) -> tuple[Array, Array, Array, int]:
        level = max((last - first - 1) // columns, 0).bit_length()
        if level == 0:
            piece = slice(first, last)
            return self.x[piece], self.low[piece], self.high[piece], 0
        begin, low, high = self.pyramid.blocks(first, last, level)
        middles = ((np.arange(begin, begin + len(low)) << level) + (1 << level - 1)).clip(max=len(self.x) - 1)
        return self.x[middles], low, high, level


class LineData:
    """A line: ``raw`` as measured, and ``line``, smoothed if requested, otherwise the same object."""

    def __init__(self) -> None:
        self.raw, self.line = Envelope(), Envelope()
        self._smooth = GrowableArray()

    def update(self, x: Array, values: Array, first: int, smoothing: float) -> None:
        """Replace the values, unchanged before position ``first``."""
        self.raw.update(x, values, values, first)
        if not smoothing:
            self.line = self.raw
            return
        if self.line is self.raw:
            self.line = Envelope()
        self._smooth.replace(first, exponential_average(values[first:], smoothing, self._smooth.values[:first]))
        self.line.update(x, self._smooth.values, self._smooth.values, first)

    @property
    def envelopes(self) -> tuple[Envelope, ...]:
        """What is drawn: the raw line, and the smoothed one if there is smoothing."""
        return (self.raw,) if self.line is self.raw else (self.raw, self.line)

    def nearest(self, x: float, slack: float) -> int | None:
        """Return the index of the record nearest to ``x``; None if ``x`` is more than ``slack`` outside of the line."""
        xs = self.raw.x
        if not len(xs) or not xs[0] - slack <= x <= xs[-1] + slack:
            return None
        right = min(int(np.searchsorted(xs, x)), len(xs) - 1)
        return right - 1 if right and x - xs[right - 1] <= xs[right] - x else right

    def find_best(self, greatest: bool) -> int | None:
        """Return the index of the maximum (``greatest``) or minimum raw value; None without a finite one."""
        values = self.raw.low
        finite = np.isfinite(values)
        if not finite.any():
            return None
        worst = -np.inf if greatest else np.inf
        kept = np.where(finite, values, worst)
        return int(kept.argmax() if greatest else kept.argmin())


def as_line(x: Array, low: Array, high: Array, blocks: bool) -> tuple[Array, Array]:
    """Return the points of a line; through ``blocks``, minimum and maximum in alternating order.

    The alternation makes the line from each block to the next short.
    """
    if not blocks:
        return x, low
    points = np.empty(2 * len(x), low.dtype)
    points[0::4], points[1::4] = low[0::2], high[0::2]
    points[2::4], points[3::4] = high[1::2], low[1::2]
    return np.repeat(x, 2), points


def as_dot(x: Array, y: Array, frame: Frame) -> tuple[Array, Array]:
    """Return a pixel's width of line in place of a single point, of which no pen draws anything; other lines as are."""
    if len(x) != 1:
        return x, y
    half = (frame.x[1] - frame.x[0]) / max(frame.width, 1) / 2
    return np.concatenate([x - half, x + half]), np.repeat(y, 2)


def dot_pen(pen: QPen) -> QPen:
    """Return a pen in which ``as_dot`` is a round dot, of half the size where lines are dashed."""
    dot = QPen(pen)
    dot.setWidthF(DOT_PIXELS if pen.style() == Qt.PenStyle.SolidLine else DOT_PIXELS / 2)
    dot.setStyle(Qt.PenStyle.SolidLine)
    dot.setCapStyle(Qt.PenCapStyle.RoundCap)
    return dot


def joined(lines: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Concatenate lines, separated by gaps."""
    if len(lines) == 1:
        return lines[0]
    gap = np.full(1, np.nan)
    parts = [(np.concatenate([x, gap]), np.concatenate([y, gap])) for x, y in lines]
    if not parts:
        return np.empty(0), np.empty(0)
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def length_in_pixels(y: Array, frame: Frame) -> float:
    """Return the total vertical variation of a line in pixels."""
    low, high = frame.y
    return float(np.nansum(np.abs(np.diff(y)))) / max(high - low, 1e-300) * frame.height


def band_edges(curve: Statistics, first: int, repeats: Repeats, logarithmic: bool) -> tuple[Array, Array]:
    """Return the edges of a band from record ``first`` on: float [records] each, NaN for fewer than two runs.

    On a logarithmic axis a deviation or error extends by the same ratio below the mean as above it: the difference
    could be negative and have no logarithm.
    """
    mean, count = curve.mean[first:], curve.count[first:]
    several = (count > 1) & ((mean > 0) | (not logarithmic))
    if repeats is Repeats.RANGE:
        low, high = curve.least[first:], curve.greatest[first:]
    else:
        reach = curve.deviation[first:] / (np.sqrt(np.maximum(count, 1)) if repeats is Repeats.ERROR else 1)
        high = mean + reach
        low = mean - reach if not logarithmic else mean**2 / np.where(several, high, 1)
    return np.where(several, low, np.nan), np.where(several, high, np.nan)
