"""Settings in a table: name and value, those that differ from the preset set off."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QBrush, QColor, QPalette
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from gui.widgets.tables import make_read_only

ROW_ROOM = 6  # pixels above and below the text of a row
WIDEST = 20  # characters of one of several columns
TINT = 40  # of 255: the mark of a difference stays legible on light and dark


class SettingTable(QTableWidget):
    """Cells of text, read only; marked ones are bold on a tint, and their row's name carries a ≠."""

    def __init__(self, name: str, accessible: str) -> None:
        super().__init__()
        make_read_only(self, name, accessible, self.fontMetrics().height() + ROW_ROOM)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setAlternatingRowColors(False)
        self.setWordWrap(False)

    def show_rows(self, titles: Sequence[str], rows: Sequence[tuple[Sequence[str], bool, str]]) -> None:
        """Show under ``titles`` the ``rows``: their texts, whether they are marked, and a tool tip."""
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
        # As wide as their texts, unless that is a network written out in full, which its tool tip shows.
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMaximumSectionSize(WIDEST * self.fontMetrics().averageCharWidth() if len(titles) > 2 else -1)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Follow the palette."""
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
