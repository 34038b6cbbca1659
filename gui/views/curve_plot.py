"""Curves over steps: for each variant the mean over its repeats and a band of one standard deviation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from engine.arrays import Array
from engine.palette import colour_of
from gui.observations import Observations, VariantObservation
from gui.views.plot import Plot

BAND_ALPHA = 45  # of 255: bands of five variants stay legible where they cross
LINE_WIDTH = 1.5
VANISHING = 1e-12  # below any gradient norm worth showing


@dataclass(frozen=True)
class Series:
    """One quantity of a plot; ``scale`` turns it into the axis' unit. Only the first of a plot gets a band."""

    quantity: str
    scale: float = 1.0
    dashed: bool = False


class _Curve:
    """The graphics items of one series of one variant."""

    def __init__(self, plot: CurvePlot, series: Series, colour: QColor, banded: bool) -> None:
        self.series = series
        self.bounds: tuple[float, float] | None = None
        self._positive = plot.is_logarithmic
        style = Qt.PenStyle.DashLine if series.dashed else Qt.PenStyle.SolidLine
        self.line = plot.plot(pen=pg.mkPen(colour, width=LINE_WIDTH, style=style), antialias=True)
        self.items = [self.line]
        self.band: pg.PlotCurveItem | None = None
        if banded:
            shade = QColor(colour)
            shade.setAlpha(BAND_ALPHA)
            # The outline of the band, filled; many times faster than a FillBetweenItem of two curves.
            self.band = pg.PlotCurveItem(pen=QPen(Qt.PenStyle.NoPen), brush=shade, fillLevel="enclosed")
            plot.addItem(self.band)
            self.items.append(self.band)

    def draw(self, variant: VariantObservation) -> None:
        steps, mean, deviation, count = variant.mean(self.series.quantity)
        mean, deviation = mean * self.series.scale, deviation * self.series.scale
        self.line.setData(steps, mean)
        self.bounds = _finite_bounds(mean, self._positive)
        if self.band is not None:
            several = count > 1
            low, high = (mean - deviation)[several], (mean + deviation)[several]
            if self._positive:
                # Unlike the line, an outline is not turned into logarithms by the plot; below zero there is none.
                low, high = np.log10(np.maximum(low, VANISHING)), np.log10(np.maximum(high, VANISHING))
            outline = np.concatenate([steps[several], steps[several][::-1]]), np.concatenate([low, high[::-1]])
            self.band.setData(*outline)

    def show(self, visible: bool) -> None:
        for item in self.items:
            item.setVisible(visible)


class CurvePlot(Plot):
    """Draws ``series`` of every variant; a variant that did not change is not drawn again."""

    def __init__(
        self,
        name: str,
        title: str,
        y: str,
        series: tuple[Series, ...],
        logarithmic: bool = False,
    ) -> None:
        super().__init__(name, title, "step", y)
        self._series = series
        self._logarithmic = logarithmic
        self.getPlotItem().setLogMode(y=logarithmic)
        self._follows = True
        self._shown_range: tuple[float, float] | None = None
        self.getViewBox().sigRangeChangedManually.connect(self._stop_following)
        self._curves: dict[str, list[_Curve]] = {}
        self._drawn: dict[str, int] = {}

    @property
    def is_logarithmic(self) -> bool:
        """Whether the vertical axis is."""
        return self._logarithmic

    def begin(self, observations: Observations) -> None:
        """Forget the old curves and make room for those of a new plan."""
        self.getPlotItem().clear()
        self.show_values(True)
        self._drawn.clear()
        self._curves = {
            name: [
                _Curve(self, series, QColor(colour_of(variant.position)), banded=series is self._series[0])
                for series in self._series
            ]
            for name, variant in observations.variants.items()
        }
        self._follows, self._shown_range = True, None
        self.setXRange(0, observations.total_steps, padding=0.02)

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed since the last call."""
        for name, variant in observations.variants.items():
            if self._drawn.get(name) != variant.changes:
                self._drawn[name] = variant.changes
                for curve in self._curves[name]:
                    curve.draw(variant)
        if self._follows:
            self._fit()

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide the curves of one variant."""
        for curve in self._curves.get(name, ()):
            curve.show(visible)
        if self._follows:
            self._fit()

    def _stop_following(self) -> None:
        """The user has zoomed or moved: the plot stays there until the next plan."""
        self._follows = False

    def _fit(self) -> None:
        """Show all values between round numbers, so that axes change seldom and curves don't jump at every record."""
        shown = [curve for curves in self._curves.values() for curve in curves if curve.line.isVisible()]
        bounds = [curve.bounds for curve in shown if curve.bounds is not None]
        if not bounds:
            return
        low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
        wanted = decades(low, high) if self._logarithmic else round_range(low, high)
        if wanted != self._shown_range:
            self._shown_range = wanted
            self.setYRange(*wanted, padding=0)

    def curve_data(self, name: str, quantity: str) -> tuple[Array, Array]:
        """Steps and values that the line of a variant shows, both float64 [records], for whoever reads the plot."""
        curve = next(curve for curve in self._curves[name] if curve.series.quantity == quantity)
        steps, values = curve.line.getOriginalDataset()
        return np.asarray(steps), np.asarray(values)


def round_range(low: float, high: float) -> tuple[float, float]:
    """The least range between multiples of 1, 2 or 5 times a power of ten that holds both, four to ten steps long."""
    span = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-9)
    power = 10 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in (10, 5, 2, 1) if factor * power <= span / 4)
    bottom = math.floor(low / step)
    return bottom * step, max(math.ceil(high / step), bottom + 1) * step


def decades(low: float, high: float) -> tuple[float, float]:
    """Logarithms of the least whole decades, two or more, that hold both; fewer make an axis label every ninth."""
    bottom = math.floor(math.log10(low))
    return bottom, max(math.ceil(math.log10(high)), bottom + 2)


def _finite_bounds(values: Array, positive: bool) -> tuple[float, float] | None:
    """Least and largest finite value, of positive ones only where the axis is logarithmic; None without any."""
    kept = values[np.isfinite(values) & (values > 0)] if positive else values[np.isfinite(values)]
    return (float(kept.min()), float(kept.max())) if len(kept) else None
