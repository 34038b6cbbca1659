"""Curves over steps: for each variant the mean over its repeats and a band of one standard deviation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from engine.palette import colour_of
from gui.observations import Observations, VariantObservation
from gui.views.plot import Plot

BAND_ALPHA = 45  # of 255: bands of five variants stay legible where they cross
LINE_WIDTH = 1.5


@dataclass(frozen=True)
class Series:
    """One quantity of a plot; ``scale`` turns it into the axis' unit. Only the first of a plot gets a band."""

    quantity: str
    scale: float = 1.0
    dashed: bool = False


class _Curve:
    """The graphics items of one series of one variant."""

    def __init__(self, plot: Plot, series: Series, colour: QColor, banded: bool) -> None:
        self.series = series
        style = Qt.PenStyle.DashLine if series.dashed else Qt.PenStyle.SolidLine
        self.line = plot.plot(pen=pg.mkPen(colour, width=LINE_WIDTH, style=style), antialias=True)
        self._band: tuple[pg.PlotDataItem, pg.PlotDataItem] | None = None
        self.items = [self.line]
        if banded:
            # Without any pen a curve keeps no shape to fill, hence one that draws nothing.
            low, high = (plot.plot(pen=QPen(Qt.PenStyle.NoPen)) for _ in range(2))
            shade = QColor(colour)
            shade.setAlpha(BAND_ALPHA)
            fill = pg.FillBetweenItem(low, high, brush=shade)
            plot.addItem(fill)
            self._band = (low, high)
            self.items += [low, high, fill]

    def draw(self, variant: VariantObservation) -> None:
        steps, mean, deviation, count = variant.mean(self.series.quantity)
        mean, deviation = mean * self.series.scale, deviation * self.series.scale
        self.line.setData(steps, mean)
        if self._band is not None:
            several = count > 1
            for edge, sign in zip(self._band, (-1, 1), strict=True):
                edge.setData(steps[several], (mean + sign * deviation)[several])

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
        y_range: tuple[float, float] | None = None,
    ) -> None:
        super().__init__(name, title, "step", y)
        self._series = series
        self.getPlotItem().setLogMode(y=logarithmic)
        if y_range is not None:
            self.setYRange(*y_range, padding=0.02)
        self._curves: dict[str, list[_Curve]] = {}
        self._drawn: dict[str, int] = {}

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
        self.setXRange(0, observations.total_steps, padding=0.02)

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed since the last call."""
        for name, variant in observations.variants.items():
            if self._drawn.get(name) != variant.changes:
                self._drawn[name] = variant.changes
                for curve in self._curves[name]:
                    curve.draw(variant)

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide the curves of one variant."""
        for curve in self._curves.get(name, ()):
            curve.show(visible)

    def curve_data(self, name: str, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values that the line of a variant shows, both float64 [records], for whoever reads the plot."""
        curve = next(curve for curve in self._curves[name] if curve.series.quantity == quantity)
        return curve.line.getOriginalDataset()
