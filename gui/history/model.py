"""Table model of the stored experiments.

It sorts and filters itself: a sort proxy would call Python twice per comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QGuiApplication

from engine.utils.text import as_duration
from engine.workspace.catalogue import CatalogueEntry
from engine.workspace.search import Query
from engine.workspace.thumbnails import ThumbnailCurve
from gui.utils.text import literally
from gui.widgets.tables import ColumnModel, Index

LEFT, RIGHT, CENTRE = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignHCenter


@dataclass(frozen=True)
class HistoryColumn:
    """A column of the table.

    Attributes:
        title: header text.
        text: returns the text of a cell.
        key: returns the sort key of an entry; None is sorted last.
        tip: tool tip of the header.
        sample: text of typical width.
        align: horizontal alignment.
    """

    title: str
    text: Callable[[CatalogueEntry], str]
    key: Callable[[CatalogueEntry], Any]
    tip: str
    sample: str
    align: Qt.AlignmentFlag = LEFT


def as_date(seconds: float) -> str:
    """Format a Unix time as local date and time."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def as_percent(fraction: float | None) -> str:
    """Format as ``98.25 %``; empty for None."""
    return "" if fraction is None else f"{100 * fraction:.2f} %"


TICK, NUMBER, TITLE, KIND, DATASET, CURVE, WHEN, TIME, STATUS, RUNS, BEST, MEAN = range(12)
COLUMNS = (
    HistoryColumn(
        "✓", lambda _e: "", lambda e: e.number, "Tick experiments to compare them or to report on them (Space)", "M"
    ),
    HistoryColumn(
        "#", lambda e: str(e.number), lambda e: e.number, "Number of the experiment in the store", "000", RIGHT
    ),
    HistoryColumn(
        "Title or settings",
        lambda e: e.stored.title or e.difference,
        lambda e: (not e.stored.title, (e.stored.title or e.difference).lower()),
        "Its title, or else its preset and what differs from that",
        "Quick · Architectures",
    ),
    HistoryColumn("Experiment", lambda e: e.kind, lambda e: e.kind.lower(), "Which experiment", "Learning rate"),
    HistoryColumn("Data set", lambda e: e.dataset, lambda e: e.dataset.lower(), "What was trained on", "cifar10"),
    HistoryColumn(
        "Curves",
        lambda _e: "",
        lambda e: len(e.thumbnail or ()),
        "Validation accuracy of each variant, mean over its runs",
        "MMMMMMM",
    ),
    HistoryColumn(
        "Begun", lambda e: as_date(e.stored.created), lambda e: e.stored.created, "When it began", "2000-00-00 00:00"
    ),
    HistoryColumn(
        "Time",
        lambda e: "" if e.seconds is None else as_duration(e.seconds),
        lambda e: e.seconds,
        "From beginning to end",
        "0 min 00 s",
        RIGHT,
    ),
    HistoryColumn(
        "Status", lambda e: e.stored.status.value, lambda e: e.stored.status.value, "How it ended", "cancelled"
    ),
    HistoryColumn(
        "Runs",
        lambda e: f"{e.finished}/{e.planned}" if e.has_runs else "",
        lambda e: e.planned if e.has_runs else None,
        "Runs that finished, of those planned; how the others ended is in the tool tip of the row",
        "10/10",
        CENTRE,
    ),
    HistoryColumn(
        "Best", lambda e: as_percent(e.best), lambda e: e.best, "Test accuracy of its best run", "00.00 %", RIGHT
    ),
    HistoryColumn(
        "Mean", lambda e: as_percent(e.mean), lambda e: e.mean, "Mean test accuracy of all its runs", "00.00 %", RIGHT
    ),
)


class HistoryModel(ColumnModel):
    """Sorted and filtered entries; emits ``ticked()`` when ticks change."""

    ticked = Signal()

    def __init__(self) -> None:
        super().__init__(COLUMNS)
        self._entries: dict[int, CatalogueEntry] = {}
        self._rows: list[CatalogueEntry] = []
        self._ticks: set[int] = set()
        self._query, self._with_deleted = Query(""), False
        self._column, self._descending = NUMBER, True
        self._answers: dict[int, Callable[[CatalogueEntry, int], Any]] = {
            Qt.ItemDataRole.DisplayRole: lambda entry, column: COLUMNS[column].text(entry),
            Qt.ItemDataRole.TextAlignmentRole: lambda _e, column: COLUMNS[column].align | Qt.AlignmentFlag.AlignVCenter,
            Qt.ItemDataRole.CheckStateRole: self._check_state,
            Qt.ItemDataRole.ToolTipRole: lambda entry, _column: literally(_tip(entry)),
            Qt.ItemDataRole.FontRole: lambda entry, _column: _struck(entry),
            Qt.ItemDataRole.ForegroundRole: _faint,
            Qt.ItemDataRole.AccessibleTextRole: lambda entry, column: (
                f"experiment {entry.number}" if column == TICK else COLUMNS[column].text(entry)
            ),
        }

    @property
    def rows(self) -> list[CatalogueEntry]:
        """The visible entries, from top to bottom."""
        return self._rows

    @property
    def count(self) -> int:
        """Number of entries, visible or not, without deleted ones."""
        return sum(not entry.is_deleted for entry in self._entries.values())

    @property
    def ticks(self) -> tuple[CatalogueEntry, ...]:
        """The ticked entries, visible or not, by number."""
        return tuple(self._entries[number] for number in sorted(self._ticks))

    def entry(self, number: int) -> CatalogueEntry | None:
        """Return the entry of that number, if any."""
        return self._entries.get(number)

    def row_of(self, number: int) -> int | None:
        """Return the row of an entry; None if it is not visible."""
        return next((row for row, entry in enumerate(self._rows) if entry.number == number), None)

    def show_entries(self, entries: Iterable[CatalogueEntry]) -> None:
        """Replace the entries; ticks are kept on those still present and not deleted."""
        self._entries = {entry.number: entry for entry in entries}
        self._ticks = {number for number in self._ticks if (e := self._entries.get(number)) and not e.is_deleted}
        self._arrange()
        self.ticked.emit()

    def show_thumbnail(self, number: int, lines: tuple[ThumbnailCurve, ...]) -> None:
        """Set the thumbnail of an entry."""
        if (entry := self._entries.get(number)) is None:
            return
        self._entries[number] = entry = replace(entry, thumbnail=lines)
        if (row := self.row_of(number)) is not None:
            self._rows[row] = entry
            self.dataChanged.emit(self.index(row, CURVE), self.index(row, CURVE))

    def set_filter(self, query: Query, with_deleted: bool) -> None:
        """Show the entries that match ``query``, with or without deleted ones."""
        self._query, self._with_deleted = query, with_deleted
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; entries without a value come last in either order."""
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()

    def tick(self, number: int, ticked: bool) -> None:
        """Set or remove a tick."""
        (self._ticks.add if ticked else self._ticks.discard)(number)
        if (row := self.row_of(number)) is not None:
            self.dataChanged.emit(self.index(row, TICK), self.index(row, TICK))
        self.ticked.emit()

    def _arrange(self) -> None:
        self.beginResetModel()
        found = [
            entry
            for entry in self._entries.values()
            if (self._with_deleted or not entry.is_deleted) and self._query.matches(entry)
        ]
        key = COLUMNS[self._column].key
        if self._column == TICK:
            key = lambda entry: entry.number not in self._ticks  # noqa: E731
        with_value = [entry for entry in found if key(entry) is not None]
        without = [entry for entry in found if key(entry) is None]
        self._rows = sorted(with_value, key=key, reverse=self._descending) + without
        self.endResetModel()

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Make the first column checkable, except for deleted entries."""
        flags = super().flags(index)
        if index.isValid() and index.column() == TICK and not self._rows[index.row()].is_deleted:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """Set or remove a tick."""
        if role != Qt.ItemDataRole.CheckStateRole or index.column() != TICK:
            return False
        self.tick(self._rows[index.row()].number, Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, tick, alignment, tool tip, and the style of deleted entries."""
        answer = self._answers.get(role)
        return None if answer is None else answer(self._rows[index.row()], index.column())

    def _check_state(self, entry: CatalogueEntry, column: int) -> Any:
        if column != TICK or entry.is_deleted:
            return None
        return Qt.CheckState.Checked if entry.number in self._ticks else Qt.CheckState.Unchecked


def _struck(entry: CatalogueEntry) -> QFont | None:
    if not entry.is_deleted:
        return None
    font = QFont()
    font.setStrikeOut(True)
    return font


def _faint(entry: CatalogueEntry, column: int) -> Any:
    """Return a muted colour for settings shown in place of a title."""
    return QGuiApplication.palette().placeholderText() if column == TITLE and not entry.stored.title else None


def _tip(entry: CatalogueEntry) -> str:
    stored = entry.stored
    parts = [f"#{stored.id} {entry.name}", entry.difference, entry.outcome, stored.reason, stored.notes]
    return "\n".join(part for part in parts if part)
