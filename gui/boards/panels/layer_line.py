"""A layer's line in a plot with its band, decimated to the plot's columns of pixels."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from engine.utils.arrays import Array
from gui.plots.curves.curve import BAND_ALPHA, LINE_WIDTH, ROUGH, VERY_ROUGH
from gui.plots.curves.decimation import Envelope, Frame, as_dot, as_line, dot_pen, length_in_pixels


class LayerLine:
    """The data of a layer and their graphics items, in ``colour``."""

    def __init__(self, plot: pg.PlotWidget, colour: QColor) -> None:
        self._envelope, self._band = Envelope(), Envelope()
        self._pens = [pg.mkPen(colour, width=width) for width in (LINE_WIDTH, 1)]
        shade = QColor(colour)
        shade.setAlpha(BAND_ALPHA)
        self.outline = pg.PlotCurveItem(pen=QPen(Qt.PenStyle.NoPen), brush=shade, fillLevel="enclosed")
        self.outline.setZValue(-1)  # below all lines
        self.line = pg.PlotCurveItem(pen=self._pens[0], connect="finite")
        for item in (self.outline, self.line):
            plot.addItem(item, ignoreBounds=True)

    def update(self, steps: Array, values: Array, deviations: Array | None, first: int) -> None:
        """Replace the curve, float [records] each, unchanged before position ``first``."""
        values = np.where(np.isfinite(values), values, np.nan)
        self._envelope.update(steps, values, values, first)
        if deviations is not None:
            self._band.update(steps, values - deviations, values + deviations, first)

    def draw(self, frame: Frame) -> None:
        """Draw the part within ``frame``."""
        columns = max(round(frame.width), 1)
        x, y = as_dot(*as_line(*self._envelope.visible_part(frame, 1.0, 1.0, columns)), frame)
        roughness = length_in_pixels(y, frame) / columns
        is_dot = len(self._envelope.x) == 1
        self.line.setPen(dot_pen(self._pens[0]) if is_dot else self._pens[roughness > VERY_ROUGH])
        self.line.setData(x, y, antialias=roughness < ROUGH)
        if len(self._band.x):
            x, low, high, _ = self._band.visible_part(frame, 1.0, 1.0, columns)
            known = np.isfinite(low) & np.isfinite(high)
            x, low, high = x[known], low[known], high[known]
            self.outline.setData(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]))

    def bounds(self, positive: bool) -> tuple[float, float] | None:
        """Return minimum and maximum including the band, of positive values only if ``positive``; None if none."""
        found = [each for envelope in (self._envelope, self._band) if (each := envelope.bounds(positive)) is not None]
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None

    @property
    def colour(self) -> QColor:
        """Colour of the line."""
        return QColor(self._pens[0].color())

    @property
    def data(self) -> tuple[Array, Array]:
        """Steps and values: float [records] each."""
        return self._envelope.x, self._envelope.low

    @property
    def band(self) -> tuple[Array, Array]:
        """Lower and upper edge of the band: float [records] each, empty without one."""
        return self._band.low, self._band.high
