"""Cursor line, and a box with the values of all curves there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QLabel

from engine.utils.text import as_duration
from gui.plots.curves.curve import CurveReading
from gui.plots.curves.options import Horizontal
from gui.utils.theme import muted

MIN_ROWS = 3
MARGIN = 10  # pixels between line and box
TOP_Z = 100


class Tooltip:
    """A thin vertical line in a plot with a box beside it."""

    def __init__(self, plot: pg.PlotWidget) -> None:
        self._plot = plot
        self.x: float | None = None
        self.line = pg.InfiniteLine(angle=90)
        self.line.setZValue(TOP_Z)
        self.box = QLabel(plot)
        self.box.setObjectName(f"{plot.objectName()}_read_out")
        self.box.setAccessibleName("Values under the cursor")
        self.box.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.box.setFrameStyle(QFrame.Shape.Box | QFrame.Shadow.Plain)
        self.box.setAutoFillBackground(True)
        self.box.setBackgroundRole(QPalette.ColorRole.ToolTipBase)
        self.box.setForegroundRole(QPalette.ColorRole.ToolTipText)
        self.box.setMargin(3)
        self.box.hide()
        self.show_line(None)

    def add_to_plot(self) -> None:
        """Add the line to the plot after it was cleared."""
        self._plot.addItem(self.line, ignoreBounds=True)

    def show_line(self, x: float | None) -> None:
        """Show the line at ``x`` of the axis, or hide it; the box is hidden in either case."""
        self.x = x
        self.line.setVisible(x is not None)
        if x is not None:
            self.line.setPen(pg.mkPen(muted(self._plot.palette()), width=1))
            self.line.setValue(x)
        self.box.hide()

    @property
    def rows(self) -> int:
        """How many rows of curves fit into the box within the height of the plot."""
        return max(int(self._plot.height()) // self.box.fontMetrics().height() - 3, MIN_ROWS)

    def show_box(self, text: str) -> None:
        """Show the box beside the line, on the side where it fits; an empty ``text`` hides it."""
        if not text or self.x is None:
            self.box.hide()
            return
        if text != self.box.text():
            self.box.setText(text)
        self.box.adjustSize()
        view = self._plot.getViewBox()
        area = view.sceneBoundingRect()
        low, high = view.viewRange()[0]
        place = area.left() + (self.x - low) / (high - low) * area.width()
        left = place + MARGIN
        if left + self.box.width() > self._plot.width():
            left = max(place - MARGIN - self.box.width(), 0)
        self.box.move(round(left), round(max(min(area.top() + 4, self._plot.height() - self.box.height()), 0)))
        self.box.show()
        self.box.raise_()


def tooltip_text(
    readings: Sequence[CurveReading], horizontal: Horizontal, max_rows: int, notes: Sequence[str] = ()
) -> str:
    """Return the rich text of the box: position, the highest curves in descending order and notes.

    Args:
        readings: values of the curves.
        horizontal: quantity of the horizontal axis.
        max_rows: maximum number of rows for curves.
        notes: further lines of plain text.

    Returns:
        HTML; empty without readings.
    """
    if not readings:
        return ""
    ordered = sorted(readings, key=_drawn_value, reverse=True)
    headings = _HEADINGS if any(reading.smoothed is not None for reading in ordered) else ""
    room = max(max_rows - bool(headings), 1)
    kept = len(ordered) if len(ordered) <= room else room - 1
    # Curves of logged runs may have their nearest values at different steps.
    differ = any(reading.has_own_steps for reading in ordered) and len({reading.step for reading in ordered}) > 1
    names_step = differ or horizontal is Horizontal.TIME
    rows = headings + "".join(_row(reading, names_step) for reading in ordered[:kept])
    more = f"<tr><td></td><td colspan=3>and {len(ordered) - kept} more</td></tr>" if len(ordered) > kept else ""
    note_lines = "".join(f"<br>{escape(note)}" for note in notes)
    table = f"<table cellspacing=0 cellpadding=1>{rows}{more}</table>"
    return f"<small>{_position_text(ordered, horizontal)}{table}{note_lines}</small>"


_HEADINGS = "<tr><td colspan=2></td><td align=right>measured</td><td align=right>&nbsp; smoothed</td></tr>"


def _drawn_value(reading: CurveReading) -> float:
    return reading.value if reading.smoothed is None else reading.smoothed


def _position_text(readings: Sequence[CurveReading], horizontal: Horizontal) -> str:
    """Return step, epoch and range of times, which differ by curve; on a time axis the time only."""
    if horizontal is Horizontal.TIME:
        return as_duration(readings[0].seconds)
    first = readings[0]
    parts = [f"step {first.step:,.0f}"]
    steps = {reading.step for reading in readings}
    if len(steps) > 1 and any(reading.has_own_steps for reading in readings):
        parts = [f"steps {min(steps):,.0f} to {max(steps):,.0f}"]
    elif math.isfinite(first.epoch):
        parts.append(f"epoch {first.epoch:.4g}")
    if times := [reading.seconds for reading in readings if math.isfinite(reading.seconds)]:
        low, high = as_duration(min(times)), as_duration(max(times))
        parts.append(low if low == high else f"{low} to {high}")
    return " · ".join(parts)


def _row(reading: CurveReading, names_step: bool) -> str:
    spread = ""
    if reading.spread is not None:
        spread = f" ± {reading.spread:.2g}"
    elif reading.value_range is not None:
        spread = f" ({reading.value_range[0]:.4g} to {reading.value_range[1]:.4g})"
    step = f"&nbsp; step {reading.step:,.0f}" if names_step else ""
    smooth = "" if reading.smoothed is None else f"<td align=right>&nbsp; {reading.smoothed:.4g}</td>"
    return (
        f"<tr><td><font color='{reading.colour}'>■</font></td><td>{escape(reading.name)}&nbsp;</td>"
        f"<td align=right>{reading.value:.4g}{spread}{step}</td>{smooth}</tr>"
    )
