"""Arrays as Qt images."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from engine.arrays import Array


def to_qimage(pixels: Array) -> QImage:
    """A QImage that owns its pixels, from uint8 [height, width, channels], channels 1 or 3."""
    pixels = np.ascontiguousarray(pixels)
    height, width, channels = pixels.shape
    form = QImage.Format.Format_Grayscale8 if channels == 1 else QImage.Format.Format_RGB888
    return QImage(pixels.data, width, height, width * channels, form).copy()
