"""Table of settings that highlights differences."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QBrush, QColor, QPalette
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from gui.widgets.tables import make_read_only

ROW_ROOM = 6  # pixels above and below the text of a row
WIDEST = 20  # characters per column, with several of them
TINT = 40  # alpha of 255; legible in both colour schemes


class SettingTable(QTableWidget):
    """Read-only table; marked rows are bold and tinted, with a ≠ before the name."""

    def __init__(self, name: str, accessible: str) -> None:
        super().__init__()
        make_read_only(self, name, accessible, self.fontMetrics().height() + ROW_ROOM)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(False)
        self.setWordWrap(False)

    def show_rows(self, titles: Sequence[str], rows: Sequence[tuple[Sequence[str], bool, str]]) -> None:
        """Replace the contents.

        Args:
            titles: column titles.
            rows: texts of the cells, whether the row is marked, and its tool tip; empty for the text itself.
        """
        self.clear()
        self.setColumnCount(len(titles))
        self.setHorizontalHeaderLabels(list(titles))
        self.setRowCount(len(rows))
        for row, (texts, marked, tip) in enumerate(rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(f"≠ {text}" if marked and column == 0 else text)
                item.setToolTip(tip or text)
                item.setData(Qt.ItemDataRole.UserRole, marked)
                self.setItem(row, column, item)
        self._mark()
        header = self.horizontalHeader()
        # As wide as their texts, but limited for networks in full notation, which the tool tip shows.
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMaximumSectionSize(WIDEST * self.fontMetrics().averageCharWidth() if len(titles) > 2 else -1)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Update the tint on a change of the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._mark()

    def _mark(self) -> None:
        tint = QColor(self.palette().color(QPalette.ColorRole.Highlight))
        tint.setAlpha(TINT)
        for row in range(self.rowCount()):
            for column in range(self.columnCount()):
                item = self.item(row, column)
                if item is not None and item.data(Qt.ItemDataRole.UserRole):
                    item.setBackground(QBrush(tint))
                    font = item.font()
                    font.setBold(True)
                    item.setFont(font)
