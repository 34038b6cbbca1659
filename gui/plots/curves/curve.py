"""One quantity of one variant in a plot: its data and graphics items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from engine.analysis.smoothing import exponential_average
from engine.analysis.styles import Style
from engine.utils.arrays import Array
from gui.observations.growable_array import GrowableArray
from gui.observations.statistics import copied
from gui.observations.variant import VariantObservation
from gui.plots.curves.decimation import (
    Envelope,
    Frame,
    LineData,
    Statistics,
    as_dot,
    as_line,
    band_edges,
    dot_pen,
    joined,
    length_in_pixels,
)
from gui.plots.curves.options import CurveOptions, Horizontal, Repeats
from gui.utils.painting import pen_of

BAND_ALPHA = 45  # of 255: bands of five variants stay legible where they cross
RAW_ALPHA, RUN_ALPHA = 80, 170
LINE_WIDTH = 1.5
FADED = 0.15  # opacity while another variant is highlighted
# Antialiasing costs most, and is least visible, where a line oscillates in every column of pixels.
ROUGH, VERY_ROUGH = 1.5, 4  # length of a line relative to the plot's width
MANY_LINES = 8  # more runs are drawn with fewer points each and without antialiasing
SETTINGS = ("learning_rate",)  # set rather than measured: there is no noise to smooth
# Quantities with a best value: True for the maximum, False for the minimum.
BEST = {"training_accuracy": True, "validation_accuracy": True, "training_loss": False, "validation_loss": False}


@dataclass(frozen=True)
class Series:
    """One quantity of a plot; ``scale`` converts it to the axis' unit. Only the first of a plot gets a band."""

    quantity: str
    scale: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class CurveReading:
    """A curve's values at one record, in the axis' unit.

    Attributes:
        value: as measured.
        spread: standard deviation or standard error; None if not shown.
        value_range: minimum and maximum over the runs; None if not shown.
        smoothed: value of the smoothed line; None without smoothing.
        has_own_steps: whether the curve has values at steps of its own, as those of logged runs do.
    """

    name: str
    colour: str
    value: float
    step: float
    epoch: float
    seconds: float
    spread: float | None = None
    value_range: tuple[float, float] | None = None
    smoothed: float | None = None
    has_own_steps: bool = False


@dataclass(frozen=True)
class Best:
    """The best record of a curve as measured, in the axes' units before logarithms."""

    x: float
    value: float
    step: float
    greatest: bool  # whether the maximum is best


class Curve:
    """The line of a variant with a band, over a faint line as measured if smoothed; or one line per run."""

    def __init__(self, plot: pg.PlotWidget, series: Series, variant: VariantObservation, label: str) -> None:
        self.series, self.variant, self.label = series, variant, label
        self.banded = False
        self._lines: list[LineData] = []
        self._band = Envelope()
        self._band_edges = GrowableArray(np.float32), GrowableArray(np.float32)
        self._clocks: list[GrowableArray] = []
        self._data_key: object = None  # the options that the lines were computed for
        self._versions: tuple[int, ...] = ()
        self._lengths: list[int] = []
        self._options = CurveOptions()
        self._make_items(plot, variant.style)

    def _make_items(self, plot: pg.PlotWidget, style: Style) -> None:
        colour = QColor(style.hex)
        colour.setAlpha(BAND_ALPHA)
        # A filled outline, many times faster than a FillBetweenItem of two curves.
        self.band = pg.PlotCurveItem(pen=QPen(Qt.PenStyle.NoPen), brush=colour, fillLevel="enclosed")
        self.raw, self.line = (pg.PlotCurveItem(connect="finite", antialias=True) for _ in range(2))
        self._pen = pen_of(style, LINE_WIDTH)
        if self.series.dashed:
            self._pen.setStyle(Qt.PenStyle.DashLine)
        self.raw.setPen(pen_of(Style(style.colour), 1, RAW_ALPHA))
        for item in self.items:
            plot.addItem(item, ignoreBounds=True)

    @property
    def items(self) -> tuple[pg.PlotCurveItem, ...]:
        """All graphics items, bottom first."""
        return self.band, self.raw, self.line

    @property
    def is_shown(self) -> bool:
        """Whether its variant is visible."""
        return bool(self.line.isVisible())

    def show(self, visible: bool) -> None:
        """Show or hide the curve."""
        for item in self.items:
            item.setVisible(visible)

    def fade(self, faded: bool) -> None:
        """Fade the curve while another is highlighted."""
        for item in self.items:
            item.setOpacity(FADED if faded else 1)

    def update(self, options: CurveOptions, logarithmic: bool) -> None:
        """Update the data for changes of the variant, the options or the vertical axis."""
        self._options = options
        wanted = (options.smoothing, options.horizontal, options.repeats, logarithmic)
        if wanted != self._data_key:
            self._data_key = wanted
            self._clear()
        if options.repeats is Repeats.RUNS:
            self._update_runs()
        else:
            self._update_mean(logarithmic)

    def _clear(self) -> None:
        self._lines, self._versions, self._lengths, self._clocks = [], (), [], []
        self._band.clear()

    @property
    def _smoothing(self) -> float:
        return 0.0 if self.series.quantity in SETTINGS else self._options.smoothing

    def _update_mean(self, logarithmic: bool) -> None:
        curve = self.variant.curve(self.series.quantity)
        # The mean time over the runs is computed only if it is the axis.
        clock = self.variant.curve("seconds") if self._options.horizontal is Horizontal.TIME else curve
        first = 0
        if self._versions:
            first = min(part.changed_since(seen) for part, seen in zip((curve, clock), self._versions, strict=True))
        else:
            self._lines, self._clocks = [LineData()], [GrowableArray()]
        self._versions = (curve.version, clock.version)
        x = self._horizontal(self.variant.steps, clock.mean, self._clocks[0], first)
        self._lines[0].update(x, curve.mean, first, self._smoothing)
        if self.banded and self._options.repeats is not Repeats.MEAN and len(self.variant.runs) > 1:
            self._update_band(curve, x, first, logarithmic)

    def _update_band(self, curve: Statistics, x: Array, first: int, logarithmic: bool) -> None:
        low, high = self._band_edges
        first = min(first, len(low))
        for growing, values in zip(
            (low, high), band_edges(curve, first, self._options.repeats, logarithmic), strict=True
        ):
            growing.replace(first, exponential_average(values, self._smoothing, growing.values[:first]))
        self._band.update(x, low.values, high.values, first)

    def _update_runs(self) -> None:
        while len(self._lines) < len(self.variant.runs):
            self._lines.append(LineData())
            self._clocks.append(GrowableArray())
            self._lengths.append(0)
        for place, run in enumerate(self.variant.runs):
            first, length = self._lengths[place], len(run.steps)
            if length != first:
                steps, seconds = self.variant.steps[:length], copied(run.curves["seconds"])
                x = self._horizontal(steps, seconds, self._clocks[place], min(first, length))
                values = copied(run.curves[self.series.quantity])
                self._lines[place].update(x, values, min(first, length), self._smoothing)
                self._lengths[place] = length

    def _horizontal(self, steps: Array, seconds: Array, clock: GrowableArray, first: int) -> Array:
        """Return steps, or seconds made non-decreasing: their mean would drop where a slow run is behind."""
        if self._options.horizontal is not Horizontal.TIME:
            return steps
        before = clock.values[first - 1 : first] if first else np.empty(0)
        clock.replace(first, np.fmax.accumulate(np.concatenate([before, seconds[first:]]))[len(before) :])
        return clock.values

    @property
    def x_scale(self) -> float:
        """Factor that converts steps or seconds to the axis' unit."""
        return 1 / self.variant.steps_per_epoch if self._options.horizontal is Horizontal.EPOCH else 1.0

    def draw(self, frame: Frame) -> None:
        """Set the visible part of the data on the graphics items."""
        many = len(self._lines) > MANY_LINES
        columns = max(round(frame.width), 1) // (2 if many else 1)
        smooth = bool(self._smoothing)
        self.raw.setData(*joined([self._points(data.raw, frame, columns) for data in self._lines if smooth]))
        x, y = joined([self._points(data.line, frame, columns) for data in self._lines])
        roughness = length_in_pixels(y, frame) / max(frame.width, 1)
        self.line.setPen(self._pen_for(roughness))
        self.line.setData(x, y, antialias=not many and roughness < ROUGH)
        x, low, high, _ = self._band.visible_part(frame, self.x_scale, self.series.scale, columns)
        finite = np.isfinite(low) & np.isfinite(high)
        x, low, high = x[finite], low[finite], high[finite]
        self.band.setData(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]))

    def _points(self, envelope: Envelope, frame: Frame, columns: int) -> tuple[Array, Array]:
        return as_dot(*as_line(*envelope.visible_part(frame, self.x_scale, self.series.scale, columns)), frame)

    def _pen_for(self, roughness: float) -> QPen:
        """Return a thin pen, fast to draw, for single runs and oscillating lines; at a lower threshold if dashed.

        Where no line has more than one record, the pen draws dots.
        """
        if all(len(data.raw.x) <= 1 for data in self._lines):
            return dot_pen(self._pen)
        runs = self._options.repeats is Repeats.RUNS
        limit = VERY_ROUGH if self._pen.style() == Qt.PenStyle.SolidLine else ROUGH
        if not runs and roughness < limit:
            return self._pen
        pen = QPen(self._pen)
        pen.setWidthF(1)
        if runs:
            colour = pen.color()
            colour.setAlpha(RUN_ALPHA)
            pen.setColor(colour)
        return pen

    def bounds(self, logarithmic: bool) -> tuple[float, float] | None:
        """Return the minimum and maximum to show, in the axis' unit; bands of deviation or error may be clipped."""
        envelopes = [envelope for data in self._lines for envelope in data.envelopes]
        if self._options.repeats is Repeats.RANGE:
            envelopes.append(self._band)
        found = [bounds for envelope in envelopes if (bounds := envelope.bounds(positive=logarithmic)) is not None]
        if not found:
            return None
        scale = self.series.scale
        return scale * min(low for low, _ in found), scale * max(high for _, high in found)

    def sample(self, most: int) -> Array:
        """Return about ``most`` evenly spaced values, in the axis' unit, for quantiles."""
        per_line = max(most // max(len(self._lines), 1), 1)
        parts = [data.raw.low[:: len(data.raw.low) // per_line + 1] for data in self._lines]
        return np.concatenate(parts) * self.series.scale if parts else np.empty(0)

    def extent(self) -> tuple[float, float] | None:
        """Return the first x above 0 and the last x, in the axis' unit; None without records."""
        ends = [(data.raw.x[np.searchsorted(data.raw.x, 0, "right") :], data.raw.x) for data in self._lines]
        known = [(float(above[0]), float(xs[-1])) for above, xs in ends if len(above)]
        if not known:
            return None
        return min(low for low, _ in known) * self.x_scale, max(high for _, high in known) * self.x_scale

    def data(self) -> tuple[Array, Array]:
        """Return x and values of the line, or of the first run's line: float64 [records] each, in the axes' units."""
        envelope = self._lines[0].line if self._lines else Envelope()
        return envelope.x * self.x_scale, envelope.low * self.series.scale

    def read(self, x: float, slack: float) -> list[CurveReading]:
        """Return the readings of the line, or of each run's line, at ``x`` of the axis."""
        found = [
            (place, at)
            for place, data in enumerate(self._lines)
            if (at := data.nearest(x / self.x_scale, slack / self.x_scale)) is not None
        ]
        readings = (self._reading(place, at) for place, at in found)
        return [reading for reading in readings if np.isfinite(reading.value)]

    def _reading(self, place: int, at: int) -> CurveReading:
        scale, repeats = self.series.scale, self._options.repeats
        value, smooth = (
            float(envelope.low[at]) * scale for envelope in (self._lines[place].raw, self._lines[place].line)
        )
        shown = smooth if self._smoothing else None
        step = float(self._steps_of_line(place)[at])
        seconds, own = self._seconds_at(place, at), self.variant.is_logged
        epoch = step / self.variant.steps_per_epoch
        if repeats is Repeats.RUNS:
            name = f"{self.label} run {self.variant.runs[place].planned.spec.repeat}"
            return CurveReading(name, self.colour, value, step, epoch, seconds, smoothed=shown, has_own_steps=own)
        curve = self.variant.curve(self.series.quantity)
        at = self._place_of(step, at)
        spread: float | None = None
        value_range: tuple[float, float] | None = None
        if curve.count[at] > 1:
            deviation = float(curve.deviation[at]) * scale
            match repeats:
                case Repeats.DEVIATION:
                    spread = deviation
                case Repeats.ERROR:
                    spread = deviation / float(curve.count[at]) ** 0.5
                case Repeats.RANGE:
                    value_range = float(curve.least[at]) * scale, float(curve.greatest[at]) * scale
        return CurveReading(self.label, self.colour, value, step, epoch, seconds, spread, value_range, shown, own)

    def _steps_of_line(self, _place: int) -> Array:
        """Return the steps of a line's points."""
        return self.variant.steps

    def _place_of(self, _step: float, at: int) -> int:
        """Return the position in the statistics of the point ``at`` of the line."""
        return at

    def _seconds_at(self, place: int, at: int) -> float:
        """Return the training time at a line's point."""
        if self._options.repeats is Repeats.RUNS:
            return self.variant.runs[place].curves["seconds"][at]
        return float(self.variant.curve("seconds").mean[at])

    @property
    def colour(self) -> str:
        """Colour as #RRGGBB."""
        return self.variant.style.hex

    def best(self) -> Best | None:
        """Return the best record; None if the quantity has no best value or nothing was measured."""
        greatest = BEST.get(self.series.quantity)
        if greatest is None:
            return None
        scale = self.series.scale
        found = [
            Best(
                float(data.raw.x[at]) * self.x_scale,
                scale * float(data.raw.low[at]),
                float(self._steps_of_line(place)[at]),
                greatest,
            )
            for place, data in enumerate(self._lines)
            if (at := data.find_best(greatest)) is not None
        ]
        return (max if greatest else min)(found, key=lambda best: best.value, default=None)

    def adjacent_record(self, x: float, rising: bool) -> float:
        """Return x of the first record at ``x`` or beyond, upwards if ``rising``, in the axis' unit, not logarithms."""
        xs = max((data.raw.x for data in self._lines), key=len)
        at = int(np.searchsorted(xs, x / self.x_scale, "left" if rising else "right")) - (not rising)
        return float(xs[min(max(at, 0), len(xs) - 1)]) * self.x_scale

    def x_of_step(self, step: float) -> float | None:
        """Return the position of a step on the axis, before logarithms; None where it is unknown."""
        if self._options.horizontal is not Horizontal.TIME:
            return step * self.x_scale if np.isfinite(self.x_scale) else None
        steps = self._steps_of_line(0) if self._lines else np.empty(0)
        if not len(steps):
            return None
        xs = self._lines[0].raw.x
        return float(np.interp(step, steps[: len(xs)], xs))
