"""Dialog with all keyboard shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.menus.shortcuts import Shortcut
from gui.widgets.tables import make_read_only

HEADINGS = ("Where", "Keys", "What they do")


class KeysDialog(QDialog):
    """A table with a row for each of ``keys``."""

    def __init__(self, keys: Sequence[Shortcut], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("keys_dialog")
        self.setWindowTitle("Keys")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setObjectName("keys_close")
        close.setToolTip("Close")
        buttons.rejected.connect(self.reject)
        hint = QLabel("Tab, the arrow keys and underlined letters, with Alt, reach the rest.")
        hint.setWordWrap(True)
        column = QVBoxLayout(self)
        for widget in (_table(keys), hint, buttons):
            column.addWidget(widget)
        self.resize(620, 560)


def _table(keys: Sequence[Shortcut]) -> QTableWidget:
    table = QTableWidget(len(keys), len(HEADINGS))
    make_read_only(table, "keys", "Keys, and what they do")
    table.setShowGrid(True)
    table.setHorizontalHeaderLabels(HEADINGS)
    for row, key in enumerate(keys):
        for column, text in enumerate((key.place, key.keys, key.action)):
            table.setItem(row, column, QTableWidgetItem(text))
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setStretchLastSection(True)
    return table
