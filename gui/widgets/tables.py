"""Table headers whose titles fit, and a model of rows under titled columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView

from gui.widgets.factories import named

TITLE_PADDING = 12  # pixels that a header leaves beside a title


def fit_titles(table: QTableView) -> None:
    """Keep every column wide enough for the widest title; where that is too much the table scrolls."""
    header, model = table.horizontalHeader(), table.model()
    titles = [str(model.headerData(section, Qt.Orientation.Horizontal) or "") for section in range(model.columnCount())]
    widest = max((header.fontMetrics().horizontalAdvance(title) for title in titles), default=0)
    header.setMinimumSectionSize(widest + TITLE_PADDING)


def make_read_only(table: QTableView, name: str, accessible: str, row_height: int | None = None) -> None:
    """Let ``table`` show rows without numbers or grid that nobody edits, and Tab lead out of it.

    Args:
        table: a new one.
        name: its objectName.
        accessible: what screen readers call it.
        row_height: pixels, also the least; None leaves Qt's.
    """
    named(table, name, accessible)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setShowGrid(False)
    table.setAlternatingRowColors(True)
    table.verticalHeader().hide()
    table.horizontalHeader().setHighlightSections(False)
    if row_height is not None:
        table.verticalHeader().setMinimumSectionSize(row_height)
        table.verticalHeader().setDefaultSectionSize(row_height)


Index = QModelIndex | QPersistentModelIndex


class TableColumn(Protocol):
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

    def __init__(self, columns: Sequence[TableColumn]) -> None:
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
