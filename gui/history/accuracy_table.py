"""Table of test accuracies of several variants."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from engine.analysis.statistics import mean_in_percent
from gui.observations.experiment import Observations
from gui.observations.variant import VariantObservation
from gui.plots.curves.legend import line_swatch
from gui.widgets.tables import make_read_only

ROW_ROOM = 6  # pixels above and below the text of a row
SWATCH = QSize(28, 12)
TITLES = ("Variant", "n", "Test accuracy", "Best")
TIPS = (
    "Experiment and variant",
    "Runs tested",
    "Mean ± sample standard deviation over the runs, in percent",
    "The best single run, in percent",
)


class AccuracyTable(QTableWidget):
    """One row per variant: runs tested, mean ± sample standard deviation, and best, in percent."""

    def __init__(self) -> None:
        super().__init__(0, len(TITLES))
        make_read_only(self, "accuracies", "Test accuracy of each variant", self.fontMetrics().height() + ROW_ROOM)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setWordWrap(False)
        self.setIconSize(SWATCH)
        for column, (title, tip) in enumerate(zip(TITLES, TIPS, strict=True)):
            item = QTableWidgetItem(title)
            item.setToolTip(tip)
            self.setHorizontalHeaderItem(column, item)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def show_variants(self, observations: Observations) -> None:
        """Show the variants of ``observations``."""
        self.setRowCount(len(observations.variants))
        for row, variant in enumerate(observations.variants.values()):
            for column, text in enumerate(texts_of(row, variant)):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(text)
                if column == 0:
                    item.setIcon(QIcon(line_swatch(variant.style, SWATCH, 2)))
                self.setItem(row, column, item)


def texts_of(row: int, variant: VariantObservation) -> Sequence[str]:
    """Return the cells of a variant's row."""
    accuracies = variant.test_accuracies
    return (
        f"{row + 1}  {variant.name}",
        str(len(variant.counted_runs)),
        mean_in_percent(accuracies) or "–",
        f"{100 * max(accuracies):.2f} %" if accuracies else "–",
    )
