"""A small matrix as coloured cells with numbers."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.analysis.styles import COLOURS
from engine.utils.arrays import Array
from gui.utils.painting import to_qimage
from gui.utils.theme import muted

POSITIVE, NEGATIVE = COLOURS[0], COLOURS[3]
MAX_TINT = 0.6  # share of the colour for the largest magnitude; text on it is still legible
FONT_SIZES = range(13, 7, -1)  # pixels; smaller digits are illegible
CELL_PADDING = 4
MIN_CELL = QSize(12, 10)  # pixels; no number fits into smaller cells
MIN_SIZE = QSize(130, 96)


def as_number(value: float) -> str:
    """Format a number with three significant digits, such as ``-0.0833`` or ``255``; zero has no sign."""
    return f"{float(value) + 0.0:.3g}"


class NumberGrid(QWidget):
    """Cells in blue (positive) and red (negative), deeper for larger magnitudes, or in grey levels of an image.

    Cells that are too small for numbers show the colours only.
    """

    def __init__(self, name: str, title: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setMinimumSize(MIN_SIZE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._values: Array = np.zeros((0, 0))
        self._scale = (-1.0, 1.0)
        self._grey = False

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the minimum size."""
        return MIN_SIZE

    def show_grey(self, values: Array, low: float, high: float) -> None:
        """Show pixels, [height, width], black at ``low`` and white at ``high``."""
        self._values, self._scale, self._grey = values, (low, high), True
        self.update()

    def show_signed(self, values: Array, largest: float) -> None:
        """Show numbers, [height, width], of magnitudes up to ``largest``."""
        self._values, self._scale, self._grey = values, (-largest, largest), False
        self.update()

    def texts(self) -> list[list[str]]:
        """Return the numbers as displayed."""
        return [[as_number(value) for value in row] for row in self._values]

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the cells."""
        if not self._values.size:
            return
        painter = QPainter(self)
        colours = self._colours()
        if self._cell(0, 0).width() < MIN_CELL.width() or self._cell(0, 0).height() < MIN_CELL.height():
            painter.drawImage(self.rect(), to_qimage(colours))
            return
        texts = self.texts()
        font = self._fitting_font(texts)
        painter.setFont(font or self.font())
        for (row, column), value in np.ndenumerate(self._values):
            cell, colour = self._cell(row, column), QColor(*(int(part) for part in colours[row, column]))
            painter.fillRect(cell, colour)
            if font is not None:
                painter.setPen(self._text_colour(float(value), colour))
                painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, texts[row][column])

    def _cell(self, row: int, column: int) -> QRect:
        rows, columns = self._values.shape
        left, right = column * self.width() // columns, (column + 1) * self.width() // columns
        top, bottom = row * self.height() // rows, (row + 1) * self.height() // rows
        return QRect(left, top, right - left - 1, bottom - top - 1)

    def _fitting_font(self, texts: list[list[str]]) -> QFont | None:
        """Return the largest font in which every number fits its cell; None if none does."""
        longest = max((text for row in texts for text in row), key=len)
        cell = self._cell(0, 0)
        font = QFont(self.font())
        for size in FONT_SIZES:
            font.setPixelSize(size)
            metrics = QFontMetrics(font)
            if metrics.horizontalAdvance(longest) + CELL_PADDING <= cell.width() and metrics.height() <= cell.height():
                return font
        return None

    def _colours(self) -> Array:
        """Return the colours of the cells, uint8 [height, width, 3]."""
        low, high = self._scale
        values = self._values.astype(np.float64)[..., np.newaxis]
        if self._grey:
            levels = 255 * (values / 2 - low / 2) / (high / 2 - low / 2 or 1.0)
            return np.rint(levels).astype(np.uint8).repeat(3, axis=2)
        base = _rgb(self.palette().color(QPalette.ColorRole.AlternateBase))
        tint = np.where(values > 0, _rgb(QColor(POSITIVE)), _rgb(QColor(NEGATIVE)))
        colours: Array = np.rint(base + MAX_TINT * np.abs(values) / high * (tint - base)).astype(np.uint8)
        return colours

    def _text_colour(self, value: float, background: QColor) -> QColor:
        """Return a muted colour for zeros of signed numbers, otherwise black or white, whichever contrasts more."""
        if not self._grey and value == 0:
            return muted(self.palette())
        return QColor("black") if _luminance(background) > 0.18 else QColor("white")


def _rgb(colour: QColor) -> Array:
    return np.array([colour.red(), colour.green(), colour.blue()], dtype=np.float64)


def _luminance(colour: QColor) -> float:
    """Return the relative luminance, 0 to 1 (WCAG 2.2); at 0.18 black and white text have the same contrast."""
    red, green, blue = (_linear(c) for c in (colour.redF(), colour.greenF(), colour.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
