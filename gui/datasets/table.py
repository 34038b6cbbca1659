"""Table of the available data sets."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from engine.datasets.inventory import DatasetEntry, Presence
from gui.utils.text import as_size
from gui.widgets.tables import make_read_only

TITLES = ("Data set", "What it is", "Installed", "On disk", "Images", "Classes")
ROW_PADDING = 9  # pixels above plus below a line
TEXT_COLUMNS = 3  # the remaining columns are numeric
PRESENCE = {
    Presence.BUILT_IN: "built in",
    Presence.INSTALLED: "yes",
    Presence.PARTLY: "in part",
    Presence.ABSENT: "no",
    Presence.OWN: "your own",
    Presence.MISSING: "missing",
}


class DatasetTable(QTableWidget):
    """One row per data set; emits ``chosen(entry or None)`` when another row is selected."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__(0, len(TITLES))
        make_read_only(self, "datasets", "Data sets", self.fontMetrics().height() + ROW_PADDING)
        self.setHorizontalHeaderLabels(TITLES)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self._entries: list[DatasetEntry] = []
        self.itemSelectionChanged.connect(lambda: self.chosen.emit(self.entry))

    @property
    def entry(self) -> DatasetEntry | None:
        """The selected data set."""
        row = self.currentRow()
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def show_entries(self, entries: Sequence[DatasetEntry]) -> None:
        """Show other entries; the selection is kept without emitting ``chosen``, or else the first row is selected."""
        if self._entries == list(entries):
            return  # filling the table takes milliseconds
        before = self.entry.dataset if self.entry is not None else None
        self._entries = list(entries)
        with QSignalBlocker(self):
            self.setRowCount(len(entries))
            for row, entry in enumerate(entries):
                self._show_row(row, entry)
        if before is None or not self.choose(before, emit=False):
            self.choose(entries[0].dataset)

    def choose(self, dataset: str, emit: bool = True) -> bool:
        """Select a data set and return whether it is in the table."""
        for row, entry in enumerate(self._entries):
            if entry.dataset == dataset:
                with QSignalBlocker(self):
                    self.selectRow(row)
                if emit:
                    self.chosen.emit(entry)
                return True
        return False

    def _show_row(self, row: int, entry: DatasetEntry) -> None:
        size = as_size(entry.downloaded + entry.decoded)
        numbers = ("" if number is None else f"{number:,}" for number in (entry.images, entry.classes))
        texts = (entry.title, entry.summary, PRESENCE[entry.presence], size, *numbers)
        tip = f"{as_size(entry.downloaded)} downloaded, {as_size(entry.decoded)} decoded"
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(tip if column == TEXT_COLUMNS else text)
            if column >= TEXT_COLUMNS:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.setItem(row, column, item)
