"""The panel on the left of a tab."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

MIN_WIDTH = 348  # pixels
CHARACTERS = 50  # of the font in use, so that a larger one has its room


def panel_width(widget: QWidget) -> int:
    """How wide the panel is, in pixels, for the font of ``widget``."""
    return max(MIN_WIDTH, CHARACTERS * widget.fontMetrics().averageCharWidth())
