"""Accuracy of each variant and time to a target accuracy."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.analysis.statistics import mean_in_percent, time_to_target
from engine.experiments.schedule.plateaus import plateau_rule
from engine.utils.text import as_duration
from gui.observations.experiment import Observations
from gui.observations.run import RunObservation
from gui.observations.variant import VariantObservation
from gui.widgets.tables import fit_titles, make_read_only

TITLES = ("Variant", "n", "Test accuracy", "Best", "Reached", "Epochs", "Time")
TIPS = (
    "What is compared",
    "Runs tested",
    "Mean ± sample standard deviation over the runs",
    "The best single run",
    "Runs whose validation accuracy reached the target",
    "Epochs until it was reached, mean over those runs",
    "Training time until it was reached, mean over those runs",
)


class ScheduleTable(QWidget):
    """One row per variant, probes left out; the target is one of the experiment's settings."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("comparison")
        self._target: float | None = None
        self._table = QTableWidget(0, len(TITLES))
        make_read_only(
            self._table, "comparison_table", "Comparison of the variants", max(24, self.fontMetrics().height() + 4)
        )
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self._table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self._table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._switch_rule = QLabel()
        self._switch_rule.setObjectName("caption")
        self._switch_rule.setWordWrap(True)
        for column, (title, tip) in enumerate(zip(TITLES, TIPS, strict=True)):
            item = QTableWidgetItem(title)
            item.setToolTip(tip)
            self._table.setHorizontalHeaderItem(column, item)
        fit_titles(self._table)
        column_layout = QVBoxLayout(self)
        column_layout.setContentsMargins(0, 0, 0, 0)
        column_layout.addWidget(self._table, 1)
        column_layout.addWidget(self._switch_rule)

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """Return False, as the caption would otherwise take height from the surrounding plots."""
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Give the caption the height it needs at this width, taken from the table."""
        super().resizeEvent(event)
        self._fit_caption()

    def begin(self, observations: Observations) -> None:
        """Set up for the variants of a new plan."""
        self._target = observations.setting("target_accuracy")
        if (header := self._table.horizontalHeaderItem(TITLES.index("Reached"))) is not None:
            header.setText(f"≥ {100 * (self._target or 0):g} %")
        self._switch_rule.setText(_switch_rule(observations))
        self._fit_caption()
        compared = self._compared(observations)
        self._table.setRowCount(len(compared))
        for row, variant in enumerate(compared):
            self._table.setRowHidden(row, False)
            for column in range(len(TITLES)):
                item = QTableWidgetItem(variant.name if column == 0 else "")
                side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                self._table.setItem(row, column, item)

    def refresh(self, observations: Observations) -> None:
        """Show the current values."""
        for row, variant in enumerate(self._compared(observations)):
            for column, text in enumerate(self._texts(variant)):
                item = self._table.item(row, column)
                if item is not None and item.text() != text:
                    item.setText(text)

    def _fit_caption(self) -> None:
        self._switch_rule.setFixedHeight(max(0, self._switch_rule.heightForWidth(self.width())))  # -1 without text

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide one variant's row."""
        for row in range(self._table.rowCount()):
            item = self._table.item(row, 0)
            if item is not None and item.text() == name:
                self._table.setRowHidden(row, not visible)

    @staticmethod
    def _compared(observations: Observations) -> list[VariantObservation]:
        return [variant for variant in observations.variants.values() if not variant.is_probe]

    def _texts(self, variant: VariantObservation) -> tuple[str, ...]:
        included = variant.counted_runs
        accuracies = variant.test_accuracies
        times = (_time_to_target(run, self._target) for run in included or variant.runs)
        reached = [time for time in times if time is not None]
        epochs, seconds = np.mean(reached, axis=0) if reached else (None, None)
        return (
            variant.name,
            str(len(included)),
            mean_in_percent(accuracies),
            f"{100 * max(accuracies):.2f} %" if accuracies else "",
            f"{len(reached)} of {len(included or variant.runs)}",
            "" if epochs is None else f"{epochs:.1f}",
            "" if seconds is None else as_duration(seconds, decimals=1),
        )


def _switch_rule(observations: Observations) -> str:
    """Return a text on where the rate switches and by which rule that was decided."""
    switches = max(
        (run.planned.trained_spec.schedule.switches for run in observations.runs.values()), key=len, default=()
    )
    if observations.setting("switches"):
        return f"The rate switches after epochs {', '.join(map(str, switches))}, as set in the form."
    found = f"Plateaus after epochs {', '.join(map(str, switches))}. " if switches else ""
    return found + plateau_rule(observations.setting("delta"), observations.setting("patience"))


def _time_to_target(run: RunObservation, target: float | None) -> tuple[float, float] | None:
    """Return epochs and seconds until validation accuracy reached ``target``; None if it has not."""
    if target is None:
        return None
    epochs_per_step = run.planned.trained_spec.training.epochs / run.planned.total_steps
    curves = run.curves
    return time_to_target(
        [step * epochs_per_step for step in run.steps], curves["seconds"], curves["validation_accuracy"], target
    )
