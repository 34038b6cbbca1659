"""Curves over steps: for each variant the mean over its repeats and a band of one standard deviation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QToolButton

from engine.arrays import Array
from engine.palette import Style
from gui.observations import Observations, VariantObservation
from gui.views.pens import pen_of
from gui.views.plot import AXIS_WIDTH, Plot

BAND_ALPHA = 45  # of 255: bands of five variants stay legible where they cross
LINE_WIDTH = 1.5
LOG_BUTTON_MARGIN = 6
LOG_AXIS_WIDTH = 66
DECADE_MARGIN = 0.02


@dataclass(frozen=True)
class Series:
    """One quantity of a plot; ``scale`` turns it into the axis' unit. Only the first of a plot gets a band."""

    quantity: str
    scale: float = 1.0
    dashed: bool = False


def all_variants(_variant: VariantObservation) -> bool:
    """Every variant is shown."""
    return True


class _Curve:
    """The graphics items of one series of one variant."""

    def __init__(self, plot: CurvePlot, series: Series, style: Style, banded: bool) -> None:
        self.series = series
        self.bounds: tuple[float, float] | None = None
        pen = pen_of(style, LINE_WIDTH)
        if series.dashed:
            pen.setStyle(Qt.PenStyle.DashLine)
        self.line = plot.plot(pen=pen, antialias=True)
        self.items = [self.line]
        self.band: pg.PlotCurveItem | None = None
        if banded:
            shade = QColor(style.hex)
            shade.setAlpha(BAND_ALPHA)
            # The outline of the band, filled; many times faster than a FillBetweenItem of two curves.
            self.band = pg.PlotCurveItem(pen=QPen(Qt.PenStyle.NoPen), brush=shade, fillLevel="enclosed")
            plot.addItem(self.band)
            self.items.append(self.band)

    def draw(self, variant: VariantObservation, logarithmic: bool) -> None:
        steps, mean, deviation, count = variant.mean(self.series.quantity)
        mean, deviation = mean * self.series.scale, deviation * self.series.scale
        self.line.setData(steps, mean)
        self.bounds = _finite_bounds(mean, logarithmic)
        if self.band is not None:
            several = (count > 1) & ((mean > 0) | (not logarithmic))
            low, high = (mean - deviation)[several], (mean + deviation)[several]
            if logarithmic:
                # Unlike the line, an outline is not turned into logarithms by the plot. It reaches as far below the
                # mean as above it on this axis: a difference could fall below zero, which has no logarithm.
                middle = np.log10(mean[several])
                high = np.log10(high)
                low = 2 * middle - high
            outline = np.concatenate([steps[several], steps[several][::-1]]), np.concatenate([low, high[::-1]])
            self.band.setData(*outline)

    def show(self, visible: bool) -> None:
        for item in self.items:
            item.setVisible(visible)


class CurvePlot(Plot):
    """Draws ``series`` of every variant that is ``shown``; a variant that did not change is not drawn again.

    A button in the corner turns the vertical axis logarithmic and back.
    """

    def __init__(
        self,
        name: str,
        title: str,
        y: str,
        series: tuple[Series, ...],
        logarithmic: bool = False,
        shown: Callable[[VariantObservation], bool] = all_variants,
    ) -> None:
        super().__init__(name, title, "step", y)
        self._series, self._shown = series, shown
        self._logarithmic = logarithmic
        self._follows = True
        self._experiment: int | None = None
        self._shown_range: tuple[float, float] | None = None
        self._curves: dict[str, list[_Curve]] = {}
        self._drawn: dict[str, int] = {}
        self._observations: Observations | None = None
        self._log_button = self._make_log_button(name)
        self._use_axis(logarithmic)
        self.getViewBox().sigRangeChangedManually.connect(self._stop_following)

    @property
    def is_logarithmic(self) -> bool:
        """Whether the vertical axis is."""
        return self._logarithmic

    def begin(self, observations: Observations) -> None:
        """Forget the old curves and make room for those of a new plan."""
        self.getPlotItem().clear()
        self.show_values(True)
        self._observations = observations
        self._drawn.clear()
        self._curves = {
            name: [_Curve(self, series, variant.style, banded=series is self._series[0]) for series in self._series]
            for name, variant in observations.variants.items()
            if self._shown(variant)
        }
        self._shown_range = None
        if observations.experiment != self._experiment:  # else the plan only grew, and a zoom stays
            self._experiment, self._follows = observations.experiment, True
        steps = [run.planned.total_steps for name in self._curves for run in observations.variants[name].runs]
        if self._follows:
            self.setXRange(0, max(steps, default=1), padding=0.02)

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed since the last call."""
        for name, curves in self._curves.items():
            variant = observations.variants[name]
            if self._drawn.get(name) != variant.changes:
                self._drawn[name] = variant.changes
                for curve in curves:
                    curve.draw(variant, self._logarithmic)
        if self._follows:
            self._fit()

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide the curves of one variant."""
        for curve in self._curves.get(name, ()):
            curve.show(visible)
        if self._follows:
            self._fit()

    def use_logarithmic(self, logarithmic: bool) -> None:
        """Turn the vertical axis logarithmic or linear; the next refresh draws the curves anew."""
        self._logarithmic = logarithmic
        self._use_axis(logarithmic)
        self._drawn.clear()
        self._follows, self._shown_range = True, None
        if self._observations is not None:
            self.refresh(self._observations)

    def _use_axis(self, logarithmic: bool) -> None:
        self.getPlotItem().setLogMode(y=logarithmic)
        # Room for 0.0001 beside the axis' name.
        self.getPlotItem().getAxis("left").setWidth(LOG_AXIS_WIDTH if logarithmic else AXIS_WIDTH)

    def _make_log_button(self, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(f"{name}_log")
        button.setText("log")
        button.setToolTip("Logarithmic vertical axis")
        button.setCheckable(True)
        button.setAutoRaise(True)
        button.setChecked(self._logarithmic)
        button.toggled.connect(self.use_logarithmic)
        button.move(LOG_BUTTON_MARGIN, LOG_BUTTON_MARGIN)  # above the axis that it changes
        return button

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
    """Logarithms of the least whole decades, three or more, that hold both; fewer make an axis label every ninth.

    A value just at the end of a decade gets another one, or its curve would lie on the frame.
    """
    bottom = math.floor(math.log10(low) - DECADE_MARGIN)
    return bottom, max(math.ceil(math.log10(high) + DECADE_MARGIN), bottom + 3)


def _finite_bounds(values: Array, positive: bool) -> tuple[float, float] | None:
    """Least and largest finite value, of positive ones only where the axis is logarithmic; None without any."""
    kept = values[np.isfinite(values) & (values > 0)] if positive else values[np.isfinite(values)]
    return (float(kept.min()), float(kept.max())) if len(kept) else None
