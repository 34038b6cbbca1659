"""Conversion of arrays to images; pens and colours for plots."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPalette, QPen

from engine.analysis.styles import Style
from engine.utils.arrays import Array


def to_qimage(pixels: Array) -> QImage:
    """Convert an array to a QImage that owns its pixels.

    Args:
        pixels: uint8, shape (height, width, channels), with 1 or 3 channels.
    """
    pixels = np.ascontiguousarray(pixels)
    height, width, channels = pixels.shape
    form = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    return QImage(pixels.data, width, height, width * channels, form).copy()


def pen_of(style: Style, width: float, alpha: int = 255) -> QPen:
    """Return a pen in the colour and line pattern of ``style``; ``width`` in pixels."""
    colour = QColor(style.hex)
    colour.setAlpha(alpha)
    pen = QPen(colour, width)
    if style.dashes:
        pen.setDashPattern(style.dashes)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    # Cosmetic: constant width on the screen, independent of the plot's scale.
    pen.setCosmetic(True)
    return pen


# Viridis is perceptually uniform, also with colour vision deficiency (N. Smith and S. van der Walt, "A Better Default
# Colormap for Matplotlib", 2015). Its ends lack contrast with dark and light backgrounds.
COLOUR_MAP = "viridis"
ON_LIGHT = (0.0, 0.85)
ON_DARK = (0.3, 1.0)
DARK = 128  # lightness below which a background is dark


def depth_colours(count: int, palette: QPalette) -> list[QColor]:
    """Return ``count`` colours of evenly rising lightness that contrast with the background of ``palette``."""
    low, high = ON_DARK if palette.color(QPalette.ColorRole.Base).lightness() < DARK else ON_LIGHT
    from pyqtgraph import colormap  # slower to import than the window is to open, so with the first plot

    scale = colormap.get(COLOUR_MAP)
    return [scale.map(low + (high - low) * place / max(count - 1, 1), mode="qcolor") for place in range(count)]
