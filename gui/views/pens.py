"""A variant's style as a Qt pen."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from engine.palette import Style


def pen_of(style: Style, width: float, alpha: int = 255) -> QPen:
    """A pen in the variant's colour and line pattern."""
    colour = QColor(style.hex)
    colour.setAlpha(alpha)
    pen = QPen(colour, width)
    if style.dashes:
        pen.setDashPattern(style.dashes)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    # Cosmetic: as wide on the screen whatever the plot's scale is.
    pen.setCosmetic(True)
    return pen
