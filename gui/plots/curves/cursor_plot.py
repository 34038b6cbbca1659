"""A plot with a cursor that mouse and keyboard move, and with the values there in a box."""

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

CURSOR_HERTZ = 30  # as often as the read-out follows the mouse
EVENT_PIXELS = 6  # of the cursor: events that the read-out says
KEYS = "Left, Right, Home and End move the cursor, with Shift faster; Escape takes it away."
KEY_MOVES = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -(10**9), Qt.Key.Key_End: 10**9}
FAST_FACTOR = 20  # pixels that the cursor goes with Shift
BY_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)


class CursorPlot(Plot):
    """Shows the cursor that all plots of its ``link`` share. What it says there is a subclass' business."""

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
        """What the curves say at ``x``, before logarithms; one that ends ``slack`` before says nothing."""
        raise NotImplementedError

    def notes(self, x: float, slack: float) -> list[str]:
        """What else is to be said within ``slack`` of ``x`` of the axis."""
        raise NotImplementedError

    def record_beside(self, x: float, rising: bool) -> float:
        """The first record at ``x`` or beyond, in the direction asked for, before logarithms."""
        raise NotImplementedError

    def frame(self) -> Frame:
        """What is seen, in the axes' units and in pixels."""
        view = self.getViewBox()
        (left, right), (bottom, top) = view.viewRange()
        even = self._options.horizontal is not Horizontal.TIME
        size = view.width(), view.height()
        return Frame((left, right), (bottom, top), *size, self._options.logarithmic, self._logarithmic, even)

    def to_axis(self, x: float) -> float:
        """Where on the axis a step, epoch or time lies."""
        return self.frame().on_axis_x(x)

    def from_axis(self, x: float) -> float:
        """The step, epoch or time that lies there on the axis."""
        return float(10**x) if self._options.logarithmic else x

    def show_cursor(self, x: float | None, boxed: bool) -> None:
        """Show a line at ``x`` of the axis, or none; ``boxed``: with the values there."""
        self._boxed = boxed
        self.tooltip.show_line(x)
        self.show_box()

    def show_box(self) -> None:
        """Show the values under the cursor as they are now, if they are shown at all."""
        x = self.tooltip.x
        if x is None or not self._boxed:
            return
        pixel, here = self._pixel_width(), self.from_axis(x)
        slack = abs(self.from_axis(x + pixel) - here)
        notes = self.notes(x, EVENT_PIXELS * pixel)
        text = tooltip_text(self.readings(here, slack), self._options.horizontal, self.tooltip.rows - len(notes), notes)
        self.tooltip.show_box(text)

    def _pixel_width(self) -> float:
        """Its width in units of the axis."""
        frame = self.frame()
        return (frame.x[1] - frame.x[0]) / max(frame.width, 1)

    def _mouse_moved(self, arguments: tuple[QPointF]) -> None:
        """The mouse is somewhere else."""
        view = self.getViewBox()
        inside = view.sceneBoundingRect().contains(arguments[0])
        self.link.move_cursor(self, view.mapSceneToView(arguments[0]).x() if inside else None)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Take the cursor away with the mouse."""
        super().leaveEvent(event)
        self._mouse.flush()  # or it would come back later
        self.link.move_cursor(self, None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Left and Right move the cursor to the next record or pixel, with Shift faster; Home, End; Escape hides it."""
        move = KEY_MOVES.get(Qt.Key(event.key()))
        if event.key() == Qt.Key.Key_Escape and self.tooltip.x is not None:
            self.link.move_cursor(self, None)
        elif move is not None:
            fast = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self._move_cursor(move * (FAST_FACTOR if fast else 1))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show the cursor where the keyboard came here, so that it is seen where one is."""
        super().focusInEvent(event)
        if event.reason() in BY_KEYBOARD:
            self._move_cursor(0)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Take the cursor away with the keyboard."""
        super().focusOutEvent(event)
        if event.reason() in BY_KEYBOARD:
            self.link.move_cursor(self, None)

    def _move_cursor(self, pixels: int) -> None:
        """To the nearest record at least so many pixels away, within what is seen."""
        (low, high), pixel = self.getViewBox().viewRange()[0], self._pixel_width()
        start = self.tooltip.x if self.tooltip.x is not None else (low + high) / 2
        aim = min(max(start + pixels * pixel, low), high)
        self.link.move_cursor(self, self.to_axis(self.record_beside(self.from_axis(aim), rising=pixels > 0)))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show everything again."""
        super().mouseDoubleClickEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self.link.reset()
