"""Square canvas for drawing white on black, or for an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPalette, QRadialGradient
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.utils.arrays import Array
from gui.utils.painting import to_qimage

SIDE = 280  # pixels of the drawing: ten times MNIST's, so that strokes are smooth after downscaling
MIN_SIDE = 160  # of the widget, in pixels
MIN_BRUSH, DEFAULT_BRUSH, MAX_BRUSH = 8, 48, 90  # diameters in pixels of the drawing
SOLID_SHARE = 0.55  # share of the brush's radius with full ink; beyond, it fades
STAMPS_PER_RADIUS = 4  # along a stroke: dense enough to look continuous
MAX_UNDO = 40


@dataclass(frozen=True)
class _Content:
    """Content of the canvas; ``source`` is the image placed there, until something is drawn on it."""

    surface: QImage
    source: Array | None = None
    is_blank: bool = False


class DrawingCanvas(QWidget):
    """Emits ``changed()`` whenever its content changes.

    The left button draws in white, the right one erases to black; ``set_erasing`` swaps them.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("drawing_canvas")
        self.setAccessibleName("Canvas to draw on")
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(MIN_SIDE, MIN_SIDE)
        self.brush = DEFAULT_BRUSH
        self._content = _blank()
        self._history: list[_Content] = []
        self._erases = self._is_inverted = False
        self._ink = True  # whether the current stroke draws rather than erases
        self._last: QPointF | None = None  # last point of the current stroke

    @property
    def source(self) -> Array | None:
        """The image placed on the canvas, as long as nothing was drawn on it."""
        return self._content.source

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._history)

    def image(self) -> Array | None:
        """Return the content, uint8 [height, width, 1 or 3]; None while blank.

        An image placed on the canvas keeps its own size until something is drawn on it.
        """
        if self._content.is_blank:
            return None
        pixels = _to_array(self._content.surface) if self._content.source is None else self._content.source
        return 255 - pixels if self._is_inverted else pixels

    def show_image(self, pixels: Array) -> None:
        """Place an image, uint8 [height, width, 1 or 3], on the canvas, stretched to the square a network sees."""
        enlarges = max(pixels.shape[:2]) <= SIDE
        mode = Qt.TransformationMode.FastTransformation if enlarges else Qt.TransformationMode.SmoothTransformation
        surface = to_qimage(pixels).scaled(SIDE, SIDE, Qt.AspectRatioMode.IgnoreAspectRatio, mode)
        self._replace(_Content(surface.convertToFormat(QImage.Format.Format_RGB32), pixels))

    def clear(self) -> None:
        """Clear the canvas to black."""
        if not self._content.is_blank:
            self._replace(_blank())

    def undo(self) -> None:
        """Undo the last stroke, image or clearing."""
        if self._history:
            self._content = self._history.pop()
            self._last = None  # a current stroke ends, as its content is gone
            self._content_changed()

    def set_brush(self, diameter: int) -> None:
        """Set the diameter of the brush in pixels of the drawing."""
        self.brush = diameter

    def set_inverted(self, inverted: bool) -> None:
        """Set whether light and dark are swapped, in the display and in ``image``."""
        self._is_inverted = inverted
        self._content_changed()

    def set_erasing(self, erases: bool) -> None:
        """Set whether the left button erases and the right one draws."""
        self._erases = erases

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size at which a pixel of the drawing is a pixel of the widget."""
        return QSize(SIDE, SIDE)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Start a stroke."""
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            return
        draws = (event.button() is Qt.MouseButton.LeftButton) is not self._erases
        if self._last is None and (draws or not self._content.is_blank):
            self._remember()
            self._content = _Content(self._content.surface.copy())
            self._last = self._to_drawing(event)
            self._ink = draws
            self._stroke(self._last)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Continue the stroke."""
        if self._last is not None:
            self._stroke(self._to_drawing(event))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End the stroke."""
        self._last = None

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Paint the square, centred."""
        painter = QPainter(self)
        surface = self._content.surface
        if self._is_inverted:
            surface = surface.copy()
            surface.invertPixels()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._content.source is None)
        square = self._square()
        painter.drawImage(square, surface)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRect(square.adjusted(0, 0, -1, -1))
        if self._content.is_blank:
            painter.drawText(square, Qt.AlignmentFlag.AlignCenter, "Draw here,\nor drop an image file")

    def _square(self) -> QRect:
        side = min(self.width(), self.height())
        return QRect((self.width() - side) // 2, (self.height() - side) // 2, side, side)

    def _to_drawing(self, event: QMouseEvent) -> QPointF:
        square = self._square()
        return (event.position() - QPointF(square.topLeft())) * (SIDE / square.width())

    def _stroke(self, to: QPointF) -> None:
        start = self._last or to
        self._last = to
        radius = self.brush / 2
        path = to - start
        stamps = 1 + int(np.hypot(path.x(), path.y()) * STAMPS_PER_RADIUS / radius)
        painter = QPainter(self._content.surface)
        painter.setPen(Qt.PenStyle.NoPen)
        # The lighter (or darker) of canvas and stamp, so that overlapping stamps keep their soft edges.
        mode = QPainter.CompositionMode
        painter.setCompositionMode(mode.CompositionMode_Lighten if self._ink else mode.CompositionMode_Darken)
        for number in range(1, stamps + 1):
            _stamp(painter, start + path * (number / stamps), radius, self._ink)
        painter.end()
        self._content_changed()

    def _replace(self, content: _Content) -> None:
        self._remember()
        self._content = content
        self._last = None
        self._content_changed()

    def _remember(self) -> None:
        self._history = [*self._history[1 - MAX_UNDO :], self._content]

    def _content_changed(self) -> None:
        self.update()
        self.changed.emit()


def _blank() -> _Content:
    surface = QImage(SIDE, SIDE, QImage.Format.Format_RGB32)
    surface.fill(Qt.GlobalColor.black)
    return _Content(surface, is_blank=True)


def _stamp(painter: QPainter, at: QPointF, radius: float, ink: bool) -> None:
    middle, edge = (Qt.GlobalColor.white, Qt.GlobalColor.black)[:: 1 if ink else -1]
    gradient = QRadialGradient(at, radius)
    gradient.setColorAt(0, middle)
    gradient.setColorAt(SOLID_SHARE, middle)
    gradient.setColorAt(1, edge)
    painter.setBrush(gradient)
    painter.drawEllipse(at, radius, radius)


def _to_array(image: QImage) -> Array:
    """Return the pixels, uint8 [height, width, 3]."""
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()
