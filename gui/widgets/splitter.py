"""Widgets with a handle between each two."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QWidget

VERTICAL = Qt.Orientation.Vertical


def splitter(name: str, *parts: tuple[QWidget, int, int], orientation: Qt.Orientation = VERTICAL) -> QSplitter:
    """Each of ``parts`` is a widget, its share of further room, and its pixels at first; none can be closed."""
    split = QSplitter(orientation)
    split.setObjectName(name)
    split.setChildrenCollapsible(False)
    for position, (widget, stretch, _) in enumerate(parts):
        split.addWidget(widget)
        split.setStretchFactor(position, stretch)
    split.setSizes([size for _, _, size in parts])
    return split
