"""A colour for each layer of a network, from the first to the last."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtGui import QColor, QPalette

# Viridis grows evenly lighter, for eyes of every kind (N. Smith and S. van der Walt, "A Better Default Colormap for
# Matplotlib", 2015). Its ends vanish on backgrounds as dark or as light as they are.
COLOUR_MAP = "viridis"
ON_LIGHT = (0.0, 0.85)
ON_DARK = (0.3, 1.0)
DARK = 128  # lightness below which a background is dark


def depth_colours(count: int, palette: QPalette) -> list[QColor]:
    """``count`` colours that rise evenly in lightness, all of which can be told from the background."""
    low, high = ON_DARK if palette.color(QPalette.ColorRole.Base).lightness() < DARK else ON_LIGHT
    scale = pg.colormap.get(COLOUR_MAP)
    return [scale.map(low + (high - low) * place / max(count - 1, 1), mode="qcolor") for place in range(count)]
