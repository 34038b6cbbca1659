"""A variant's style as a Qt pen."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from engine.palette import Style

_PATTERNS = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


def pen_of(style: Style, width: float, alpha: int = 255) -> QPen:
    """A pen in the variant's colour and line pattern."""
    colour = QColor(style.hex)
    colour.setAlpha(alpha)
    # Cosmetic: as wide on the screen whatever the plot's scale is.
    pen = QPen(colour, width, _PATTERNS[style.pattern % len(_PATTERNS)])
    pen.setCosmetic(True)
    return pen
