"""Table view of the stored experiments."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from PySide6.QtCore import (
    QByteArray,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPointF,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from engine.workspace.catalogue import CatalogueEntry
from engine.workspace.search import Query
from engine.workspace.thumbnails import ThumbnailCurve
from gui.history.model import COLUMNS, CURVE, NUMBER, TITLE, HistoryColumn, HistoryModel
from gui.widgets.tables import Index

ROW_ROOM = 12  # pixels above and below the text of a row, for the curves
COLUMN_ROOM = 12  # and beside it
CURVE_WIDTH = 1.3
MARGIN = 4
KEPT_PICTURES = 512  # 10 kB each, approximately


class ThumbnailDelegate(QStyledItemDelegate):
    """Paints the curves of an experiment on a common scale; rendered thumbnails are cached for scrolling."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._picture = lru_cache(maxsize=KEPT_PICTURES)(_picture)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint the cell and the curves over it."""
        super().paint(painter, option, index)
        model = index.model()
        if isinstance(model, HistoryModel) and (lines := model.rows[index.row()].thumbnail):
            if option.state & QStyle.StateFlag.State_Selected:  # some curve colours lack contrast with the selection
                painter.fillRect(option.rect.adjusted(1, 1, -1, -1), option.palette.base())
            painter.drawPixmap(
                option.rect, self._picture(lines, option.rect.size(), painter.device().devicePixelRatioF())
            )


def _picture(lines: tuple[ThumbnailCurve, ...], size: QSize, ratio: float) -> QPixmap:
    """Render the curves on a transparent background; ``size`` in logical pixels, ``ratio`` physical per logical."""
    pixmap = QPixmap(size * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _draw(painter, QRectF(QPointF(0, 0), size).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN), lines)
    painter.end()
    return pixmap


def _draw(painter: QPainter, area: QRectF, lines: tuple[ThumbnailCurve, ...]) -> None:
    low, high = min(min(line.values) for line in lines), max(max(line.values) for line in lines)
    longest = max(len(line.values) for line in lines)
    across, up = area.width() / max(longest - 1, 1), area.height() / ((high - low) or 1.0)
    for line in lines:
        painter.setPen(QPen(QColor(line.colour), CURVE_WIDTH))
        points = [QPointF(area.left() + x * across, area.bottom() - (y - low) * up) for x, y in enumerate(line.values)]
        painter.drawPolyline(points) if len(points) > 1 else painter.drawPoint(points[0])


class HistoryTable(QTableView):
    """Emits ``choice_changed()`` when the selection changes, and ``opened(number)`` at a double click."""

    choice_changed = Signal()
    opened = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("history")
        self.setAccessibleName("Stored experiments")
        self.setToolTip("")
        self.entries = HistoryModel()
        self.setModel(self.entries)
        self.setItemDelegateForColumn(CURVE, ThumbnailDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)  # Tab leaves the table; the arrows move within it
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + ROW_ROOM)
        self._set_up_header()
        self.doubleClicked.connect(lambda index: self.opened.emit(self.entries.rows[index.row()].number))
        self.selectionModel().selectionChanged.connect(lambda *_ranges: self.choice_changed.emit())

    @property
    def chosen(self) -> tuple[CatalogueEntry, ...]:
        """The entries of the selected rows, from top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return tuple(self.entries.rows[row] for row in rows)

    def choose(self, numbers: Iterable[int]) -> None:
        """Select the visible entries of these numbers; the first becomes the current one."""
        rows = [row for number in numbers if (row := self.entries.row_of(number)) is not None]
        selection = QItemSelection()
        for row in rows:
            selection.select(self.entries.index(row, 0), self.entries.index(row, len(COLUMNS) - 1))
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if rows:
            no_change = QItemSelectionModel.SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(self.entries.index(rows[0], NUMBER), no_change)

    def show_entries(self, entries: Iterable[CatalogueEntry]) -> None:
        """Replace the entries, keeping the selection."""
        chosen = [entry.number for entry in self.chosen]
        self.entries.show_entries(entries)
        self._restore_selection(chosen)

    def set_filter(self, query: Query, with_deleted: bool) -> None:
        """Show the entries that match ``query``, keeping the selection."""
        chosen = [entry.number for entry in self.chosen]
        self.entries.set_filter(query, with_deleted)
        self._restore_selection(chosen)

    def layout_state(self) -> QByteArray:
        """Return widths, order and sorting of the columns, for ``restore_layout``."""
        return self.horizontalHeader().saveState()

    def restore_layout(self, state: QByteArray) -> None:
        """Restore the layout; an invalid state is ignored."""
        header = self.horizontalHeader()
        header.restoreState(state)
        if 0 <= header.sortIndicatorSection() < len(COLUMNS):
            self._sort(header.sortIndicatorSection(), header.sortIndicatorOrder())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Toggle the ticks of the selected rows at Space, whatever the current column."""
        if event.key() != Qt.Key.Key_Space:
            super().keyPressEvent(event)
            return
        there = [entry for entry in self.chosen if not entry.is_deleted]
        ticked = {entry.number for entry in self.entries.ticks}
        for entry in there:
            self.entries.tick(entry.number, not all(each.number in ticked for each in there))

    def moveCursor(  # noqa: N802
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        """Move to the first and last row at Home and End, rather than column."""
        rows = {QAbstractItemView.CursorAction.MoveHome: 0, QAbstractItemView.CursorAction.MoveEnd: -1}
        if action in rows and self.entries.rows:
            return self.entries.index(rows[action] % len(self.entries.rows), NUMBER)
        return super().moveCursor(action, modifiers)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Give the remaining width to the title column; if it is too little, the table scrolls."""
        super().resizeEvent(event)
        others = sum(self.columnWidth(column) for column in range(len(COLUMNS)) if column != TITLE)
        self.setColumnWidth(TITLE, max(self._default_width(COLUMNS[TITLE]), self.viewport().width() - others))

    def _restore_selection(self, numbers: list[int]) -> None:
        self.choose(numbers)
        if not self.chosen and self.entries.rows:
            self.choose([self.entries.rows[0].number])
        self.choice_changed.emit()  # the selected rows may hold other entries

    def _sort(self, column: int, order: Qt.SortOrder) -> None:
        chosen = [entry.number for entry in self.chosen]
        self.entries.sort(column, order)
        self._restore_selection(chosen)

    def _default_width(self, column: HistoryColumn) -> int:
        texts = (column.sample, f"{column.title} ▾")
        return max(self.fontMetrics().horizontalAdvance(text) for text in texts) + COLUMN_ROOM

    def _set_up_header(self) -> None:
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        for position, column in enumerate(COLUMNS):
            self.setColumnWidth(position, self._default_width(column))
        header.setSectionsClickable(True)
        header.setSectionsMovable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicator(NUMBER, Qt.SortOrder.DescendingOrder)
        # Not setSortingEnabled, which would sort without keeping the selection.
        header.sortIndicatorChanged.connect(self._sort)
