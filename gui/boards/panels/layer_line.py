"""One layer's line in a plot, and the band around it, in as few points as the plot has columns of pixels."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from engine.utils.arrays import Array
from gui.plots.curves.decimation import Envelope, Frame, as_line, length_in_pixels

LINE_WIDTH = 1.5
BAND_ALPHA = 45  # of 255
# A smooth edge costs most where a line goes up and down in every column of pixels, and is seen least there.
ROUGH, VERY_ROUGH = 1.5, 4  # times the plot's width that a line is long


class LayerLine:
    """The data of a layer and the graphics items that show them, in ``colour``."""

    def __init__(self, plot: pg.PlotWidget, colour: QColor) -> None:
        self._envelope, self._band = Envelope(), Envelope()
        self._pens = [pg.mkPen(colour, width=width) for width in (LINE_WIDTH, 1)]
        shade = QColor(colour)
        shade.setAlpha(BAND_ALPHA)
        self.outline = pg.PlotCurveItem(pen=QPen(Qt.PenStyle.NoPen), brush=shade, fillLevel="enclosed")
        self.outline.setZValue(-1)  # no band dims a line
        self.line = pg.PlotCurveItem(pen=self._pens[0], connect="finite")
        for item in (self.outline, self.line):
            plot.addItem(item, ignoreBounds=True)

    def update(self, steps: Array, values: Array, deviations: Array | None, first: int) -> None:
        """Take the curve as it is now, float [records] each; before position ``first`` nothing has changed."""
        values = np.where(np.isfinite(values), values, np.nan)
        self._envelope.update(steps, values, values, first)
        if deviations is not None:
            self._band.update(steps, values - deviations, values + deviations, first)

    def draw(self, frame: Frame) -> None:
        """Show what ``frame`` holds of it."""
        columns = max(round(frame.width), 1)
        x, y = as_line(*self._envelope.seen(frame, 1.0, 1.0, columns))
        roughness = length_in_pixels(y, frame) / columns
        self.line.setPen(self._pens[roughness > VERY_ROUGH])
        self.line.setData(x, y, antialias=roughness < ROUGH)
        if len(self._band.x):
            x, low, high, _ = self._band.seen(frame, 1.0, 1.0, columns)
            known = np.isfinite(low) & np.isfinite(high)
            x, low, high = x[known], low[known], high[known]
            self.outline.setData(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]))

    def bounds(self, positive: bool) -> tuple[float, float] | None:
        """Least and greatest value, band included; of ``positive`` ones only where asked; None without any."""
        found = [each for envelope in (self._envelope, self._band) if (each := envelope.bounds(positive)) is not None]
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None

    @property
    def colour(self) -> QColor:
        """What it is drawn in."""
        return QColor(self._pens[0].color())

    @property
    def data(self) -> tuple[Array, Array]:
        """Steps and values: float [records] each."""
        return self._envelope.x, self._envelope.low

    @property
    def band(self) -> tuple[Array, Array]:
        """Lower and upper edge of the band: float [records] each, empty without one."""
        return self._band.low, self._band.high
