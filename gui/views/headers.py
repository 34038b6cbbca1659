"""Table headers whose titles fit."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTableView

ROOM = 12  # pixels that a header leaves beside a title


def fit_titles(table: QTableView) -> None:
    """Keep every column wide enough for the widest title; where that is too much the table scrolls."""
    header, model = table.horizontalHeader(), table.model()
    titles = [str(model.headerData(section, Qt.Orientation.Horizontal) or "") for section in range(model.columnCount())]
    widest = max((header.fontMetrics().horizontalAdvance(title) for title in titles), default=0)
    header.setMinimumSectionSize(widest + ROOM)
