"""One quantity of one variant in a plot: its data, and the graphics items that show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from engine.analysis.smoothing import smoothed
from engine.analysis.styles import Style
from engine.utils.arrays import Array
from gui.observations.growable_array import GrowableArray
from gui.observations.statistics import RepeatedCurve, copied
from gui.observations.variant import VariantObservation
from gui.plots.curves.decimation import Envelope, Frame, LineData, as_line, band_edges, joined, length_in_pixels
from gui.plots.curves.options import CurveOptions, Horizontal, Repeats
from gui.utils.painting import pen_of

BAND_ALPHA = 45  # of 255: bands of five variants stay legible where they cross
RAW_ALPHA, RUN_ALPHA = 80, 170
LINE_WIDTH = 1.5
FADED = 0.15  # opacity of what another variant is pointed out beside
# A smooth edge costs most where a line goes up and down in every column of pixels, and is seen least there.
ROUGH, VERY_ROUGH = 1.5, 4  # times the plot's width that a line is long
MANY_LINES = 8  # runs drawn with fewer points each, and without smooth edges
SETTINGS = ("learning_rate",)  # chosen, not measured: there is no noise to smooth
# Of which quantities the greatest value is the best one; of those named False the least.
BEST = {"training_accuracy": True, "validation_accuracy": True, "training_loss": False, "validation_loss": False}


@dataclass(frozen=True)
class Series:
    """One quantity of a plot; ``scale`` turns it into the axis' unit. Only the first of a plot gets a band."""

    quantity: str
    scale: float = 1.0
    dashed: bool = False


@dataclass(frozen=True)
class CurveReading:
    """A curve at one record, as measured.

    ``spread`` is a deviation or an error, ``value_range`` least and greatest run, ``smoothed`` where the line
    is; None without.
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


@dataclass(frozen=True)
class Best:
    """The best record of a curve as measured, in the axes' units (before logarithms), and its step."""

    x: float
    value: float
    step: float
    greatest: bool  # whether the greatest is the best


class Curve:
    """The series' line of a variant, faint under it the line as measured, and a band; or a line a run."""

    def __init__(self, plot: pg.PlotWidget, series: Series, variant: VariantObservation, label: str) -> None:
        self.series, self.variant, self.label = series, variant, label
        self.banded = False
        self._lines: list[LineData] = []
        self._band = Envelope()
        self._band_edges = GrowableArray(np.float32), GrowableArray(np.float32)
        self._clocks: list[GrowableArray] = []
        self._seen: object = None  # of which data and options the lines are
        self._versions: tuple[int, ...] = ()
        self._lengths: list[int] = []
        self._options = CurveOptions()
        self._make_items(plot, variant.style)

    def _make_items(self, plot: pg.PlotWidget, style: Style) -> None:
        colour = QColor(style.hex)
        colour.setAlpha(BAND_ALPHA)
        # The outline of the band, filled; many times faster than a FillBetweenItem of two curves.
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
        """Everything drawn, the lowest first."""
        return self.band, self.raw, self.line

    @property
    def is_shown(self) -> bool:
        """Whether the legend shows its variant."""
        return bool(self.line.isVisible())

    def show(self, visible: bool) -> None:
        """Show or hide it."""
        for item in self.items:
            item.setVisible(visible)

    def fade(self, faded: bool) -> None:
        """Let it step back behind another."""
        for item in self.items:
            item.setOpacity(FADED if faded else 1)

    def take(self, options: CurveOptions, logarithmic: bool) -> None:
        """Take in what has changed of the variant, the options, or the vertical axis."""
        self._options = options
        wanted = (options.smoothing, options.horizontal, options.repeats, logarithmic)
        if wanted != self._seen:
            self._seen = wanted
            self._lines, self._versions, self._lengths, self._clocks = [], (), [], []
            self._band.clear()
        if options.repeats is Repeats.RUNS:
            self._take_runs()
        else:
            self._take_mean(logarithmic)

    @property
    def _smoothing(self) -> float:
        return 0.0 if self.series.quantity in SETTINGS else self._options.smoothing

    def _take_mean(self, logarithmic: bool) -> None:
        curve = self.variant.curve(self.series.quantity)
        # Time is another statistic over the runs, and computed only where it is the axis.
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
            self._take_band(curve, x, first, logarithmic)

    def _take_band(self, curve: RepeatedCurve, x: Array, first: int, logarithmic: bool) -> None:
        low, high = self._band_edges
        first = min(first, len(low))
        for growing, values in zip(
            (low, high), band_edges(curve, first, self._options.repeats, logarithmic), strict=True
        ):
            growing.replace(first, smoothed(values, self._smoothing, growing.values[:first]))
        self._band.update(x, low.values, high.values, first)

    def _take_runs(self) -> None:
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
        """Steps, or seconds; those never go back, as the mean would where a slow run is behind."""
        if self._options.horizontal is not Horizontal.TIME:
            return steps
        before = clock.values[first - 1 : first] if first else np.empty(0)
        clock.replace(first, np.fmax.accumulate(np.concatenate([before, seconds[first:]]))[len(before) :])
        return clock.values

    @property
    def x_scale(self) -> float:
        """What turns steps or seconds into the axis' unit."""
        return 1 / self.variant.steps_per_epoch if self._options.horizontal is Horizontal.EPOCH else 1.0

    def draw(self, frame: Frame) -> None:
        """Give the items what is seen of the data."""
        many = len(self._lines) > MANY_LINES
        columns = max(round(frame.width), 1) // (2 if many else 1)
        smooth = bool(self._smoothing)
        self.raw.setData(*joined([self._points(data.raw, frame, columns) for data in self._lines if smooth]))
        x, y = joined([self._points(data.line, frame, columns) for data in self._lines])
        roughness = length_in_pixels(y, frame) / max(frame.width, 1)
        self.line.setPen(self._pen_for(roughness))
        self.line.setData(x, y, antialias=not many and roughness < ROUGH)
        x, low, high, _ = self._band.seen(frame, self.x_scale, self.series.scale, columns)
        sound = np.isfinite(low) & np.isfinite(high)
        x, low, high = x[sound], low[sound], high[sound]
        self.band.setData(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]))

    def _points(self, envelope: Envelope, frame: Frame, columns: int) -> tuple[Array, Array]:
        return as_line(*envelope.seen(frame, self.x_scale, self.series.scale, columns))

    def _pen_for(self, roughness: float) -> QPen:
        """Thin, and so fast to draw, for runs and for lines that go up and down in every column, sooner with dashes."""
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
        """Least and greatest value to make room for, in the axis' unit; a deviation or error may leave the plot."""
        envelopes = [envelope for data in self._lines for envelope in data.envelopes]
        if self._options.repeats is Repeats.RANGE:
            envelopes.append(self._band)
        found = [bounds for envelope in envelopes if (bounds := envelope.bounds(positive=logarithmic)) is not None]
        if not found:
            return None
        scale = self.series.scale
        return scale * min(low for low, _ in found), scale * max(high for _, high in found)

    def sample(self, most: int) -> Array:
        """About ``most`` of its values at equal distances, in the axis' unit, for quantiles."""
        a_line = max(most // max(len(self._lines), 1), 1)
        parts = [data.raw.low[:: len(data.raw.low) // a_line + 1] for data in self._lines]
        return np.concatenate(parts) * self.series.scale if parts else np.empty(0)

    def extent(self) -> tuple[float, float] | None:
        """First x above 0, and last, in the axis' unit; None before a record."""
        ends = [(data.raw.x[np.searchsorted(data.raw.x, 0, "right") :], data.raw.x) for data in self._lines]
        known = [(float(above[0]), float(xs[-1])) for above, xs in ends if len(above)]
        if not known:
            return None
        return min(low for low, _ in known) * self.x_scale, max(high for _, high in known) * self.x_scale

    def data(self) -> tuple[Array, Array]:
        """Steps or seconds and values of the line, or of the first run's: float64 [records] each."""
        envelope = self._lines[0].line if self._lines else Envelope()
        return envelope.x * self.x_scale, envelope.low * self.series.scale

    def read(self, x: float, slack: float) -> list[CurveReading]:
        """What the line, or each run's, says at ``x`` of the axis."""
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
        step = float(self.variant.steps[at])
        if repeats is Repeats.RUNS:
            run = self.variant.runs[place]
            name, seconds = f"{self.label} run {run.planned.spec.repeat}", run.curves["seconds"][at]
            epoch = step / self.variant.steps_per_epoch
            return CurveReading(name, self.colour, value, step, epoch, seconds, smoothed=shown)
        seconds = float(self.variant.curve("seconds").mean[at])
        curve = self.variant.curve(self.series.quantity)
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
        epoch = step / self.variant.steps_per_epoch
        return CurveReading(self.label, self.colour, value, step, epoch, seconds, spread, value_range, shown)

    @property
    def colour(self) -> str:
        """As #RRGGBB."""
        return self.variant.style.hex

    def best(self) -> Best | None:
        """Its best record; None where no value is better than another, or none was measured."""
        greatest = BEST.get(self.series.quantity)
        if greatest is None:
            return None
        scale = self.series.scale
        steps = self.variant.steps
        found = [
            Best(float(data.raw.x[at]) * self.x_scale, scale * float(data.raw.low[at]), float(steps[at]), greatest)
            for data in self._lines
            if (at := data.find_best(greatest)) is not None
        ]
        return (max if greatest else min)(found, key=lambda best: best.value, default=None)

    def record_beside(self, x: float, rising: bool) -> float:
        """The first record at ``x`` or beyond, in the direction asked for, in the axis' unit before logarithms."""
        xs = max((data.raw.x for data in self._lines), key=len)
        at = int(np.searchsorted(xs, x / self.x_scale, "left" if rising else "right")) - (not rising)
        return float(xs[min(max(at, 0), len(xs) - 1)]) * self.x_scale

    def x_of_step(self, step: float) -> float | None:
        """Where on the axis, before logarithms, the variant made a step; None where it did not come so far."""
        if self._options.horizontal is not Horizontal.TIME:
            return step * self.x_scale
        steps = self.variant.steps
        if not len(steps) or not self._lines:
            return None
        xs = self._lines[0].raw.x
        return float(np.interp(step, steps[: len(xs)], xs))
