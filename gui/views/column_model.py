"""What the models of the tables have in common: rows of one kind under columns that are declared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

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
