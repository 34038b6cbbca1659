"""Class probabilities as bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy

from engine.utils.arrays import Array
from gui.widgets.point_tips import PointTips

MAX_ROWS = 20
ROW = 19  # pixels
BAR = 11
MAX_NAMES_WIDTH = 220  # pixels for the names; longer ones are elided
PERCENT_WIDTH = 62
MAX_WIDTH = 820  # wider, a name and its percentage would be too far apart to be read as one line
GAP = 8
TRUE_MARK = "▸ "


@dataclass(frozen=True)
class Bar:
    """A class and its probability, 0 to 1."""

    name: str
    probability: float
    is_top: bool
    is_true: bool


class ProbabilityBars(PointTips):
    """One row per class in the data set's order; of more than twenty classes, the twenty likeliest, likeliest first."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("probabilities")
        self.setAccessibleName("Class probabilities")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(MAX_WIDTH)
        self.bars: tuple[Bar, ...] = ()

    def show_probabilities(self, probabilities: Array, class_names: tuple[str, ...], true_class: int | None) -> None:
        """Show ``probabilities``, float [classes]; the true class, if known, is marked."""
        top = int(np.argmax(probabilities))
        likeliest = np.argsort(-probabilities, kind="stable").tolist()
        rows = likeliest[:MAX_ROWS] if len(class_names) > MAX_ROWS else range(len(class_names))
        self.bars = tuple(
            Bar(class_names[row], float(probabilities[row]), row == top, row == true_class) for row in rows
        )
        if self.height() != len(self.bars) * ROW:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the height of all rows."""
        return QSize(300, len(self.bars) * ROW)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Paint name, bar and percentage of every class."""
        painter = QPainter(self)
        names = self._names_width()
        for position, bar in enumerate(self.bars):
            self._paint_row(painter, QRect(0, position * ROW, self.width(), ROW), names, bar)

    def tip(self, at: QPoint) -> str:
        """Return class and probability of the row at a point; empty below the rows."""
        row = at.y() // ROW
        if not 0 <= row < len(self.bars):
            return ""
        bar = self.bars[row]
        return f"{bar.name}: {100 * bar.probability:.3g} %{', the true class' if bar.is_true else ''}"

    def _names_width(self) -> int:
        font = self.font()
        font.setBold(True)  # any class may become the top one without moving the bars
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(TRUE_MARK + bar.name) for bar in self.bars), default=0)
        return min(MAX_NAMES_WIDTH, round(1.1 * widest) + GAP)

    def _paint_row(self, painter: QPainter, row: QRect, names: int, bar: Bar) -> None:
        palette = self.palette()
        font = self.font()
        font.setBold(bar.is_top)
        painter.setFont(font)
        painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        name = (TRUE_MARK if bar.is_true else "") + bar.name
        text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, names - GAP)
        beside = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(QRect(row.left(), row.top(), names - GAP, ROW), beside, text)
        painter.drawText(
            QRect(row.right() - PERCENT_WIDTH, row.top(), PERCENT_WIDTH, ROW), beside, f"{100 * bar.probability:.1f} %"
        )
        whole = QRect(names, row.top() + (ROW - BAR) // 2, row.width() - names - PERCENT_WIDTH - GAP, BAR)
        painter.fillRect(whole, palette.color(QPalette.ColorRole.Base))
        filled = QRect(whole.topLeft(), QSize(round(whole.width() * bar.probability), BAR))
        painter.fillRect(filled, palette.color(QPalette.ColorRole.Highlight if bar.is_top else QPalette.ColorRole.Mid))
