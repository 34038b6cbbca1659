"""A plot with a cursor, moved by mouse or keyboard, and a tooltip with the values there."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent

from gui.plots.curves.curve import CurveReading
from gui.plots.curves.decimation import Frame
from gui.plots.curves.link import CurveLink
from gui.plots.curves.options import CurveOptions, Horizontal
from gui.plots.curves.tooltip import Tooltip, tooltip_text
from gui.plots.plot import Plot

CURSOR_HERTZ = 30  # rate limit at which the tooltip follows the mouse
EVENT_PIXELS = 6  # events within this distance of the cursor are in the tooltip
KEYS = "Left, Right, Home and End move the cursor, with Shift faster; Escape takes it away."
KEY_MOVES = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -(10**9), Qt.Key.Key_End: 10**9}
FAST_FACTOR = 20  # multiplies the distance when Shift is held
BY_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)


class CursorPlot(Plot):
    """Shows the cursor shared by all plots of its ``link``; subclasses supply the readings."""

    link: CurveLink

    def __init__(self, name: str, title: str, x: str, y: str) -> None:
        super().__init__(name, title, x, y)
        self._options, self._logarithmic = CurveOptions(), False
        self.tooltip = Tooltip(self)
        self._boxed = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleDescription(KEYS)
        self._mouse = pg.SignalProxy(self.scene().sigMouseMoved, rateLimit=CURSOR_HERTZ, slot=self._mouse_moved)

    def readings(self, x: float, slack: float) -> list[CurveReading]:
        """Return the values of the curves at ``x``, before logarithms; those that end ``slack`` before are left out."""
        raise NotImplementedError

    def notes(self, x: float, slack: float) -> list[str]:
        """Return further lines for the tooltip, about events within ``slack`` of ``x`` on the axis."""
        raise NotImplementedError

    def adjacent_record(self, x: float, rising: bool) -> float:
        """Return x of the first record at ``x`` or beyond, upwards if ``rising``, before logarithms."""
        raise NotImplementedError

    def frame(self) -> Frame:
        """Return the visible ranges in the axes' units, and the size in pixels."""
        view = self.getViewBox()
        (left, right), (bottom, top) = view.viewRange()
        even = self._options.horizontal is not Horizontal.TIME
        size = view.width(), view.height()
        return Frame((left, right), (bottom, top), *size, self._options.logarithmic, self._logarithmic, even)

    def to_axis(self, x: float) -> float:
        """Convert a step, epoch or time to the axis' unit, which may be a logarithm."""
        return self.frame().on_axis_x(x)

    def from_axis(self, x: float) -> float:
        """Convert a position on the axis to a step, epoch or time."""
        return float(10**x) if self._options.logarithmic else x

    def show_cursor(self, x: float | None, boxed: bool) -> None:
        """Show a line at ``x`` of the axis, or hide it; ``boxed`` adds the values there."""
        self._boxed = boxed
        self.tooltip.show_line(x)
        self.show_box()

    def show_box(self) -> None:
        """Update the values under the cursor, if they are shown."""
        x = self.tooltip.x
        if x is None or not self._boxed:
            return
        pixel, here = self._pixel_width(), self.from_axis(x)
        slack = abs(self.from_axis(x + pixel) - here)
        notes = self.notes(x, EVENT_PIXELS * pixel)
        text = tooltip_text(self.readings(here, slack), self._options.horizontal, self.tooltip.rows - len(notes), notes)
        self.tooltip.show_box(text)

    def _pixel_width(self) -> float:
        """Return the width of a pixel in the unit of the axis."""
        frame = self.frame()
        return (frame.x[1] - frame.x[0]) / max(frame.width, 1)

    def _mouse_moved(self, arguments: tuple[QPointF]) -> None:
        """Move the cursor to the mouse, or hide it outside of the view."""
        view = self.getViewBox()
        inside = view.sceneBoundingRect().contains(arguments[0])
        self.link.move_cursor(self, view.mapSceneToView(arguments[0]).x() if inside else None)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Hide the cursor when the mouse leaves."""
        super().leaveEvent(event)
        self._mouse.flush()  # a delayed event would show it again
        self.link.move_cursor(self, None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Move the cursor by Left, Right, Home and End, faster with Shift; Escape hides it."""
        move = KEY_MOVES.get(Qt.Key(event.key()))
        if event.key() == Qt.Key.Key_Escape and self.tooltip.x is not None:
            self.link.move_cursor(self, None)
        elif move is not None:
            fast = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self._move_cursor(move * (FAST_FACTOR if fast else 1))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show the cursor when the focus came by keyboard, so that the focus is visible."""
        super().focusInEvent(event)
        if event.reason() in BY_KEYBOARD:
            self._move_cursor(0)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Hide the cursor when the focus leaves by keyboard."""
        super().focusOutEvent(event)
        if event.reason() in BY_KEYBOARD:
            self.link.move_cursor(self, None)

    def _move_cursor(self, pixels: int) -> None:
        """Move the cursor to the nearest record at least that many pixels away, within the visible range."""
        (low, high), pixel = self.getViewBox().viewRange()[0], self._pixel_width()
        start = self.tooltip.x if self.tooltip.x is not None else (low + high) / 2
        aim = min(max(start + pixels * pixel, low), high)
        self.link.move_cursor(self, self.to_axis(self.adjacent_record(self.from_axis(aim), rising=pixels > 0)))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Reset the zoom."""
        super().mouseDoubleClickEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self.link.reset()
