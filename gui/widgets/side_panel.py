"""Width of the panel on the left of a tab."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

MIN_WIDTH = 348  # pixels
CHARACTERS = 50  # of the current font, so that the panel grows with it


def panel_width(widget: QWidget) -> int:
    """Return the width of the panel in pixels for the font of ``widget``."""
    return max(MIN_WIDTH, CHARACTERS * widget.fontMetrics().averageCharWidth())
