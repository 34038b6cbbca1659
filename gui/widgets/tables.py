"""Helpers for tables, and a model of rows under titled columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView

from gui.widgets.factories import named

TITLE_PADDING = 12  # pixels beside a title in a header


def fit_titles(table: QTableView) -> None:
    """Keep every column at least as wide as the widest title; the table scrolls if they do not fit."""
    header, model = table.horizontalHeader(), table.model()
    titles = [str(model.headerData(section, Qt.Orientation.Horizontal) or "") for section in range(model.columnCount())]
    widest = max((header.fontMetrics().horizontalAdvance(title) for title in titles), default=0)
    header.setMinimumSectionSize(widest + TITLE_PADDING)


def make_read_only(table: QTableView, name: str, accessible: str, row_height: int | None = None) -> None:
    """Make ``table`` read-only, without row headers or grid, and let Tab leave it.

    Args:
        table: the table to set up.
        name: its objectName.
        accessible: its accessible name.
        row_height: height and minimum height of a row in pixels; None keeps Qt's default.
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
    """Header data of a column."""

    @property
    def title(self) -> str:
        """Title in the header."""

    @property
    def tip(self) -> str:
        """Tool tip of the title."""

    @property
    def align(self) -> Qt.AlignmentFlag:
        """Horizontal alignment of title and cells."""


class ColumnModel(QAbstractTableModel):
    """Base class of models with ``_rows`` and a header for each of ``columns``."""

    def __init__(self, columns: Sequence[TableColumn]) -> None:
        super().__init__()
        self._columns = columns
        self._rows: list[Any] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return title, tool tip or alignment of a column."""
        if orientation is Qt.Orientation.Horizontal:
            column = self._columns[section]
            if role == Qt.ItemDataRole.DisplayRole:
                return column.title
            if role == Qt.ItemDataRole.ToolTipRole:
                return column.tip
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return column.align | Qt.AlignmentFlag.AlignVCenter
        return None
