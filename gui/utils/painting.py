"""Arrays as images, and pens and colours for plots."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage, QPalette, QPen

from engine.analysis.styles import Style
from engine.utils.arrays import Array


def to_qimage(pixels: Array) -> QImage:
    """A QImage that owns its pixels, from uint8 [height, width, channels], channels 1 or 3."""
    pixels = np.ascontiguousarray(pixels)
    height, width, channels = pixels.shape
    form = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    return QImage(pixels.data, width, height, width * channels, form).copy()


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


# Viridis grows evenly lighter, for eyes of every kind (N. Smith and S. van der Walt, "A Better Default Colormap for
# Matplotlib", 2015). Its ends vanish on backgrounds as dark or as light as they are.
COLOUR_MAP = "viridis"


ON_LIGHT = (0.0, 0.85)


ON_DARK = (0.3, 1.0)


DARK = 128  # lightness below which a background is dark


def depth_colours(count: int, palette: QPalette) -> list[QColor]:
    """``count`` colours that rise evenly in lightness, all of which can be told from the background."""
    low, high = ON_DARK if palette.color(QPalette.ColorRole.Base).lightness() < DARK else ON_LIGHT
    from pyqtgraph import colormap  # loaded with the first plot, not before: it takes longer than the window

    scale = colormap.get(COLOUR_MAP)
    return [scale.map(low + (high - low) * place / max(count - 1, 1), mode="qcolor") for place in range(count)]
