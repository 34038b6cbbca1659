"""Marks the best point of each curve, with value and step in a corner that the curves leave free."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor, QPalette

from gui.plots.curves.curve import Best, Curve
from gui.plots.curves.decimation import Frame

SIZE = 11
MAX_ROWS = 8
MARGIN = 4  # pixels between text and frame
ABOVE_CURVES = 10
FILL_ALPHA = 190  # of 255: curves behind the text stay visible


class BestMarks:
    """A star on the best point of each curve; text in the right corner, at the bottom if the maximum is best."""

    def __init__(self, plot: pg.PlotWidget) -> None:
        self._plot = plot
        self._stars = pg.ScatterPlotItem(symbol="star", size=SIZE)
        self._text = pg.TextItem()
        for height, item in enumerate((self._stars, self._text), start=ABOVE_CURVES):
            item.setZValue(height)
        self.points: list[tuple[Curve, Best]] = []

    def add_to_plot(self) -> None:
        """Add the items to the plot after it was cleared."""
        self.points = []
        self._stars.clear()
        self._text.setText("")
        for item in (self._stars, self._text):
            self._plot.addItem(item, ignoreBounds=True)

    @property
    def text(self) -> str:
        """The displayed text."""
        return str(self._text.textItem.toPlainText())

    def show(self, points: Sequence[tuple[Curve, Best]], frame: Frame, palette: QPalette) -> None:
        """Mark the given points."""
        self.points = list(points)
        greatest = bool(points) and points[0][1].greatest
        ordered = sorted(points, key=lambda point: point[1].value, reverse=greatest)
        rows = [
            f"<font color='{curve.colour}'>★</font> {escape(curve.label)}: {best.value:.4g} at step {best.step:,.0f}"
            for curve, best in ordered[:MAX_ROWS]
        ]
        if len(ordered) > MAX_ROWS:
            rows.append(f"and {len(ordered) - MAX_ROWS} more")
        text = palette.color(QPalette.ColorRole.Text).name()
        self._text.setHtml(f"<div style='color: {text}; font-size: 8pt'>{'<br>'.join(rows)}</div>" if rows else "")
        fill = palette.color(QPalette.ColorRole.Base)
        fill.setAlpha(FILL_ALPHA if rows else 0)
        self._text.fill = pg.mkBrush(fill)
        self._text.setAnchor((1, 1) if greatest else (1, 0))
        self.place(frame, palette)

    def place(self, frame: Frame, palette: QPalette) -> None:
        """Position stars and text within ``frame``."""
        xs = frame.to_axis_x(np.array([best.x for _, best in self.points]))
        ys = frame.to_axis_y(np.array([best.value for _, best in self.points]))
        edge = pg.mkPen(palette.color(QPalette.ColorRole.Text), width=0.8)
        self._stars.setData(xs, ys, brush=[QColor(curve.colour) for curve, _ in self.points], pen=edge)
        if not self.points:
            return
        (left, right), (bottom, top) = frame.x, frame.y
        across, up = MARGIN * (right - left) / max(frame.width, 1), MARGIN * (top - bottom) / max(frame.height, 1)
        self._text.setPos(right - across, bottom + up if self.points[0][1].greatest else top - up)
