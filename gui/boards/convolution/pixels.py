"""An image drawn as squares, one per pixel, with a movable window marked."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.analysis.styles import COLOURS
from engine.utils.arrays import Array
from gui.utils.painting import to_qimage

MARK = COLOURS[1]
MIN_SIDE = 120
INTEGER_SCALE_FROM = 5  # screen pixels per image pixel from which the scale is an integer
ARROWS = {
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
}


def grey_image(values: Array, low: float, high: float) -> QImage:
    """Convert numbers, [height, width], to grey levels, black at ``low`` and white at ``high``."""
    span = high / 2 - low / 2 or 1.0  # halved, as the difference could overflow
    share = np.clip((values.astype(np.float64) / 2 - low / 2) / span, 0.0, 1.0)
    return to_qimage(np.rint(255 * share).astype(np.uint8)[..., np.newaxis])


class PixelImage(QWidget):
    """Emits ``picked(row, column)`` when the mouse is pressed or dragged, ``stepped(rows, columns)`` for arrow keys.

    Args:
        name: its objectName.
        title: its accessible name.
    """

    picked = Signal(int, int)
    stepped = Signal(int, int)

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(MIN_SIDE, MIN_SIDE)
        self._image = QImage()
        self._window = (0, 0, 1, 1)
        self._revealed: int | None = None

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return twice the minimum size."""
        return QSize(2 * MIN_SIDE, 2 * MIN_SIDE)

    def show_image(self, image: QImage) -> None:
        """Show another image."""
        self._image = image
        self.update()

    def mark(self, row: int, column: int, height: int, width: int) -> None:
        """Mark the window of the given size whose top left pixel is at ``row`` and ``column``."""
        self._window = (row, column, height, width)
        self.update()

    def reveal(self, count: int | None) -> None:
        """Cover all but the first ``count`` pixels in row-major order; None covers nothing."""
        self._revealed = count
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Pick the pixel under the pointer."""
        self._pick(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Pick pixels during a drag."""
        self._pick(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Step by arrow keys."""
        step = ARROWS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(*step)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw image, cover and mark."""
        if self._image.isNull():
            return
        painter = QPainter(self)
        painter.drawImage(self.area(0, 0, self._image.height(), self._image.width()), self._image)
        self._paint_cover(painter)
        self._paint_focus(painter)
        self._paint_mark(painter)

    def _paint_cover(self, painter: QPainter) -> None:
        if self._revealed is None:
            return
        height, width = self._image.height(), self._image.width()
        row, column = divmod(self._revealed, width)
        cover = self.palette().color(QPalette.ColorRole.Window)
        if column:
            painter.fillRect(self.area(row, column, 1, width - column), cover)
            row += 1
        painter.fillRect(self.area(row, 0, height - row, width), cover)

    def _paint_mark(self, painter: QPainter) -> None:
        """Draw a line that is visible on black, grey and white."""
        rect = self.area(*self._window)
        for width, colour in ((4, QColor("black")), (2, QColor(MARK))):
            pen = QPen(colour, width)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(rect)

    def _paint_focus(self, painter: QPainter) -> None:
        if self.hasFocus():
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 2))
            painter.drawRect(self.area(0, 0, self._image.height(), self._image.width()).adjusted(-1, -1, 1, 1))

    def _pick(self, event: QMouseEvent) -> None:
        if self._image.isNull() or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        side, left, top = self._geometry()
        row, column = int((event.position().y() - top) // side), int((event.position().x() - left) // side)
        self.picked.emit(
            min(max(row, 0), self._image.height() - 1),
            min(max(column, 0), self._image.width() - 1),
        )

    def area(self, row: int, column: int, height: int, width: int) -> QRectF:
        """Return the rectangle of pixels of the image in widget coordinates."""
        side, left, top = self._geometry()
        return QRectF(left + column * side, top + row * side, width * side, height * side)

    def _geometry(self) -> tuple[float, float, float]:
        """Return the side of a pixel and the left and top of the image, centred with a margin for the mark."""
        width, height = self._image.width(), self._image.height()
        side = min((self.width() - 4) / width, (self.height() - 4) / height)
        side = float(int(side)) if side >= INTEGER_SCALE_FROM else side
        return side, (self.width() - side * width) // 2, 2
