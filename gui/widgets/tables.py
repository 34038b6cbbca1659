"""Table headers whose titles fit, and a model of rows under titled columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QTableView

ROOM = 12  # pixels that a header leaves beside a title


def fit_titles(table: QTableView) -> None:
    """Keep every column wide enough for the widest title; where that is too much the table scrolls."""
    header, model = table.horizontalHeader(), table.model()
    titles = [str(model.headerData(section, Qt.Orientation.Horizontal) or "") for section in range(model.columnCount())]
    widest = max((header.fontMetrics().horizontalAdvance(title) for title in titles), default=0)
    header.setMinimumSectionSize(widest + ROOM)


Index = QModelIndex | QPersistentModelIndex


class Titled(Protocol):
    """What a header needs to know of a column."""

    @property
    def title(self) -> str:
        """What stands above it."""

    @property
    def tip(self) -> str:
        """What the title means."""

    @property
    def align(self) -> Qt.AlignmentFlag:
        """Where its texts stand."""


class ColumnModel(QAbstractTableModel):
    """A table of ``_rows`` with a header for each of ``columns``."""

    def __init__(self, columns: Sequence[Titled]) -> None:
        super().__init__()
        self._columns = columns
        self._rows: list[Any] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """One a row."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """One for each of the columns."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Titles and what they mean."""
        if orientation is Qt.Orientation.Horizontal:
            column = self._columns[section]
            if role == Qt.ItemDataRole.DisplayRole:
                return column.title
            if role == Qt.ItemDataRole.ToolTipRole:
                return column.tip
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return column.align | Qt.AlignmentFlag.AlignVCenter
        return None
