"""Table of runs: status, progress, time left, accuracies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from engine.events.runs import Status
from engine.workspace.durations.time_left import as_time_left
from gui.observations.experiment import Observations
from gui.observations.run import RunObservation
from gui.observations.summary import scores_sentence
from gui.widgets.tables import ColumnModel, Index, fit_titles

PROGRESS_COLUMN = 3
TEST = "Test"


@dataclass(frozen=True)
class RunColumn:
    """One column: its title, the text of a cell, and the tool tip of the title."""

    title: str
    text: Callable[[Observations, RunObservation], str]
    tip: str
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignRight


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f} %"


def _score_tip(observations: Observations, run: RunObservation) -> str:
    """Return the scores of a run's test as the tool tip of its accuracy; empty without a test."""
    if run.finished is None or run.finished.confusion is None:
        return ""
    return scores_sentence(run.finished.confusion, observations.variants[run.planned.spec.variant].info)


def _status(run: RunObservation) -> str:
    kept = run.finished.kept if run.finished is not None else None
    return f"{run.status.value} early" if kept is not None and kept.stopped_early else run.status.value


def _told(run: RunObservation) -> str:
    """Return what there is to say of how a run ended, in sentences."""
    kept = run.finished.kept if run.finished is not None else None
    return " ".join(filter(None, (kept.sentence if kept is not None else "", run.reason)))


def _progress(_observations: Observations, run: RunObservation) -> str:
    """Return the share of the steps made; their number where a log doesn't tell how many there will be."""
    if run.planned.total_steps or run.last is None:
        return f"{100 * run.progress:.0f} %"
    return f"step {run.last.step:,}"


def _time_left(observations: Observations, run: RunObservation) -> str:
    return as_time_left(observations.time_left.of_run(run.planned.run)).removesuffix(" left")


def _parameters(_observations: Observations, run: RunObservation) -> str:
    known = run.planned.parameters or not run.planned.is_logged
    return f"{run.planned.parameters:,}" if known else "–"


COLUMNS = (
    RunColumn("Variant", lambda _o, run: run.planned.spec.variant, "What is compared", Qt.AlignmentFlag.AlignLeft),
    RunColumn(
        "Run",
        lambda _o, run: str(run.planned.spec.repeat),
        "Number of the repeat, from 1",
        Qt.AlignmentFlag.AlignHCenter,
    ),
    RunColumn("Status", lambda _o, run: _status(run), "Where the run stands", Qt.AlignmentFlag.AlignLeft),
    RunColumn("Progress", _progress, "Share of the run's steps made"),
    RunColumn("Time left", _time_left, "Until it is trained and tested"),
    RunColumn("Parameters", _parameters, "Values the network learns"),
    RunColumn(
        "Training",
        lambda _o, run: _percent(run.tested("training_accuracy")),
        "Accuracy over the batches since the last record; after early stopping, at the end of the epoch that was kept",
    ),
    RunColumn(
        "Validation",
        lambda _o, run: _percent(run.tested("validation_accuracy")),
        "Accuracy on the whole validation set at the last record; after early stopping, of the epoch that was kept",
    ),
    RunColumn(TEST, lambda _o, run: _percent(run.test_accuracy), "Accuracy on the test set, once training has ended"),
)


class RunModel(ColumnModel):
    """The runs of the current plan as rows."""

    def __init__(self) -> None:
        super().__init__(COLUMNS)
        self._observations = Observations()
        self._rows: list[RunObservation] = []

    def begin(self, observations: Observations) -> None:
        """Show the runs of a new plan."""
        self.beginResetModel()
        self._observations = observations
        self._rows = list(observations.runs.values())
        self.endResetModel()

    def refresh(self) -> None:
        """Signal that any cell may have changed; the view queries only the visible ones."""
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, alignment, tool tip, or the progress as a share."""
        run, column = self._rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(self._observations, run)
        if role == Qt.ItemDataRole.UserRole:
            return run.progress
        if role == Qt.ItemDataRole.ToolTipRole:
            scores = _score_tip(self._observations, run) if column.title == TEST else ""
            return " ".join(filter(None, (_told(run), scores))) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.align | Qt.AlignmentFlag.AlignVCenter
        return None

    def run(self, row: int) -> RunObservation:
        """Return the run in a row."""
        return self._rows[row]

    def running_row(self) -> int | None:
        """Return the first row whose run is running; None if there is none."""
        return next((row for row, run in enumerate(self._rows) if run.status is Status.RUNNING), None)


class ProgressDelegate(QStyledItemDelegate):
    """Paints the progress of a run as a bar."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the style's progress bar into the cell."""
        bar = QStyleOptionProgressBar()
        bar.rect = option.rect.adjusted(3, 4, -3, -4)
        bar.palette, bar.fontMetrics, bar.state = option.palette, option.fontMetrics, option.state
        bar.state |= QStyle.StateFlag.State_Horizontal
        bar.minimum, bar.maximum = 0, 100
        bar.progress = round(100 * index.data(Qt.ItemDataRole.UserRole))
        bar.text, bar.textVisible = index.data(), True
        bar.textAlignment = Qt.AlignmentFlag.AlignCenter
        QApplication.style().drawControl(QStyle.ControlElement.CE_ProgressBar, bar, painter)


class RunTable(QTableView):
    """The runs of the current plan."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runs")
        self.setAccessibleName("Runs")
        self._runs = RunModel()
        self._followed = -1  # row last scrolled to: the user may scroll away until the next run starts
        self.setModel(self._runs)
        self.setItemDelegateForColumn(PROGRESS_COLUMN, ProgressDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(24)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        fit_titles(self)

    @property
    def chosen(self) -> list[RunObservation]:
        """The runs in the selected rows."""
        return [self._runs.run(index.row()) for index in self.selectionModel().selectedRows()]

    def begin(self, observations: Observations) -> None:
        """Show the runs of a new plan."""
        self._followed = -1
        self._runs.begin(observations)

    def refresh(self, _observations: Observations) -> None:
        """Show the current state of every visible run, and scroll once to each run that starts."""
        self._runs.refresh()
        running = self._runs.running_row()
        if running is not None and running != self._followed:
            self._followed = running
            self.scrollTo(self._runs.index(running, 0))
