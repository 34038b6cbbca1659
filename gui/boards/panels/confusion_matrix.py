"""The confusion matrix as a table: rows are true classes, columns predicted ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QPainter, QPalette
from PySide6.QtWidgets import QApplication, QHeaderView, QTableView

from engine.analysis.confusion import complete_names, confusion_at
from engine.analysis.scores import MeanScores, scores_of
from engine.analysis.styles import COLOURS
from engine.utils.arrays import Array
from gui.widgets.tables import Index

RIGHT, WRONG = QColor(COLOURS[0]), QColor(COLOURS[3])  # blue and vermilion, distinguishable with any colour vision
MAX_TINT = 0.85  # largest share of the colour in a cell, so that its number stays legible
MIN_COLUMN, MIN_ROW = 34, 18  # pixels
NAME_MARGIN = 8
DARK = 140  # lightness below which numbers are white


class ConfusionModel(QAbstractTableModel):
    """Counts, or percentages of the true class, coloured by that share."""

    def __init__(self) -> None:
        super().__init__()
        self._confusion: Array = np.zeros((0, 0), int)
        self._names: tuple[str, ...] = ()
        self._scores: MeanScores | None = None
        self._in_percent = False

    def show_confusion(self, confusion: Array, names: tuple[str, ...]) -> None:
        """Show ``confusion``, int [classes, classes], rows are true classes; ``names`` has one name per class."""
        self.beginResetModel()
        self._confusion, self._names, self._scores = confusion, names, scores_of(confusion, names)
        totals = confusion.sum(axis=1, keepdims=True)
        self._shares = confusion / np.maximum(totals, 1)
        wrong = self._shares.copy()
        np.fill_diagonal(wrong, 0)
        self._worst = float(wrong.max(initial=0.0)) or 1.0
        self.endResetModel()

    def use_percent(self, in_percent: bool) -> None:
        """Show percentages of the true class's images, or counts."""
        self.beginResetModel()
        self._in_percent = in_percent
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of classes."""
        return 0 if parent.isValid() else len(self._confusion)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Return the number of classes."""
        return self.rowCount(parent)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return the name or tool tip of a class."""
        if not 0 <= section < self.rowCount():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._names[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            which = "Predicted" if orientation == Qt.Orientation.Horizontal else "Truly"
            scores = f": {self._scores.classes[section].text}" if self._scores else ""
            return f"{which} {self._names[section]}{scores}"
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the number, colours or description of a cell."""
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{100 * self._shares[row, column]:.1f}" if self._in_percent else f"{self._confusion[row, column]}"
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return confusion_at(self._confusion, self._names, row, column).text
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignCenter
        if role == Qt.ItemDataRole.BackgroundRole:
            return self.colour(row, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor("white" if self.colour(row, column).lightness() < DARK else "black")
        return None

    def colour(self, row: int, column: int) -> QColor:
        """Return a cell's colour: blue for correct, by share; vermilion for wrong, relative to the worst confusion."""
        base = QApplication.palette().color(QPalette.ColorRole.Base)
        share = self._shares[row, column]
        if row == column:
            return _blend(base, RIGHT, MAX_TINT * share)
        return _blend(base, WRONG, MAX_TINT * share / self._worst)


class ConfusionMatrix(QTableView):
    """The table; names of columns are rotated if they would not fit."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("confusion_matrix")
        self.setAccessibleName("Confusion matrix: a row a true class, a column a predicted one")
        self._confusion = ConfusionModel()
        self._header = _UprightHeader(self)
        self.setHorizontalHeader(self._header)
        self.setModel(self._confusion)
        self.setCornerButtonEnabled(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        plain = QFont(self.font())
        plain.setBold(False)
        for header, least in ((self.horizontalHeader(), MIN_COLUMN), (self.verticalHeader(), MIN_ROW)):
            header.setSectionsClickable(False)
            header.setHighlightSections(False)
            header.setFont(plain)
            header.setMinimumSectionSize(least)
            header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)

    def show_confusion(self, confusion: Array, names: tuple[str, ...]) -> None:
        """Show ``confusion``, int [classes, classes], rows are true classes.

        A class without a name gets its number as name: an exception while Qt queries a header would end the program.
        """
        complete = complete_names(names, len(confusion))
        self._header.names = complete
        self._confusion.show_confusion(confusion, complete)

    def use_percent(self, in_percent: bool) -> None:
        """Show percentages of the true class's images, or counts."""
        self._confusion.use_percent(in_percent)


class _UprightHeader(QHeaderView):
    """A horizontal header whose names are rotated by 90° if the longest is wider than a column."""

    def __init__(self, parent: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.names: tuple[str, ...] = ()
        self._was_upright = False
        self.sectionResized.connect(self._update_orientation)

    def sizeHint(self) -> QSize:  # noqa: N802
        hint = super().sizeHint()
        return QSize(hint.width(), self._longest_name + NAME_MARGIN) if self._is_upright else hint

    def _update_orientation(self, _section: int, _before: int, _now: int) -> None:
        if self._is_upright is not self._was_upright:
            self._was_upright = self._is_upright
            # Deferred: a table ignores geometry changes during its own layout.
            QTimer.singleShot(0, self, self.geometriesChanged.emit)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:  # noqa: N802
        if not self._is_upright:
            super().paintSection(painter, rect, section)
            return
        painter.save()
        painter.setFont(self.font())
        painter.setPen(self.palette().color(QPalette.ColorRole.ButtonText))
        painter.translate(rect.left(), rect.bottom())
        painter.rotate(-90)
        place = QRect(NAME_MARGIN // 2, 0, rect.height() - NAME_MARGIN // 2, rect.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.names[section])
        painter.restore()

    @property
    def _longest_name(self) -> int:
        return max((self.fontMetrics().horizontalAdvance(name) for name in self.names), default=0)

    @property
    def _is_upright(self) -> bool:
        return self.count() > 0 and self._longest_name + NAME_MARGIN > self.sectionSize(0)


def _blend(base: QColor, colour: QColor, share: float) -> QColor:
    """Blend ``share`` of ``colour`` into ``base``, linearly in each channel."""
    channels = ((base.red(), colour.red()), (base.green(), colour.green()), (base.blue(), colour.blue()))
    return QColor(*(round(below + share * (above - below)) for below, above in channels))
