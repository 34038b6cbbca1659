"""Comparison of stored experiments: overlaid curves, test accuracies, and settings side by side."""

from __future__ import annotations

from itertools import count
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.experiments.presets import EMPTY
from engine.utils.errors import TrainscopeError
from engine.utils.text import pluralise
from engine.workspace.catalogue import CatalogueEntry
from gui.background.store_reader import PendingQuery, StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards.painter import BoardPainter
from gui.boards.plots import PERCENT, gradient_plot, training_loss_plot
from gui.boards.training_board import TrainingBoard, Views
from gui.history.accuracy_table import AccuracyTable
from gui.history.actions import FEWEST_COMPARED
from gui.history.opened_tab import OpenedTab
from gui.history.setting_table import SettingTable
from gui.observations.stored import Stored, merge_experiments, read_experiment
from gui.plots.accuracy_points import AccuracyPoints
from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.utils.text import literally

SIDE_WIDTH = 380
CHIPS_A_ROW, LONGEST_NAME = 7, 14  # so that a row fits the minimum width of the window
_comparisons = count(1)  # a number for each merged experiment, so that views are reset


def comparison_board() -> TrainingBoard:
    """Return a board with training loss, validation accuracy, gradient norm and test accuracies."""
    return TrainingBoard(
        Views(
            plots=(
                training_loss_plot,
                lambda: CurvePlot(
                    "validation_accuracy",
                    "Validation accuracy",
                    "accuracy (%)",
                    (Series("validation_accuracy", PERCENT),),
                ),
                gradient_plot,
                AccuracyPoints,
            )
        )
    )


class CompareTab(OpenedTab):
    """Compares the experiments ``numbers``, each of which can be removed with a click."""

    def __init__(self, numbers: tuple[int, ...], reader: StoreReader, weights: WeightReader) -> None:
        super().__init__()
        self.setObjectName(f"comparison_{'_'.join(map(str, numbers))}")
        self._numbers, self._reader, self._weights = numbers, reader, weights
        self._stored: dict[int, Stored] = {}
        self._entries: dict[int, CatalogueEntry] = {}
        self._pending: list[PendingQuery] = []
        self._unread: set[int] = set()  # still to be read
        self.board: TrainingBoard | None = None
        self._painter: BoardPainter | None = None
        self._make_widgets()
        self._arrange()

    @property
    def key(self) -> str:
        """The numbers, such as ``3+12``."""
        return "+".join(map(str, self._numbers))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the compared experiments."""
        return self._numbers

    @property
    def is_painted(self) -> bool:
        """Whether every view has been drawn."""
        return self.is_drawn and self._painter is not None and self._painter.is_done

    def load(self) -> None:
        """Read the experiments from the store."""
        self.stop_loading()
        self._stored = {}
        self._unread = set(self._numbers)
        self._name()
        self.say("The experiments are being read …")
        self._pending = [self._read(number) for number in self._numbers]

    def stop_loading(self) -> None:
        """Cancel pending queries."""
        for each in self._pending:
            each.cancel()

    def remove(self, number: int) -> None:
        """Remove an experiment from the comparison; with fewer than two left the tab closes."""
        self._numbers = tuple(each for each in self._numbers if each != number)
        if len(self._numbers) < FEWEST_COMPARED:
            self.close_requested.emit()
            return
        self._name()
        if not self._unread:
            self.reading_ended()

    def draw(self) -> None:
        """Draw the curves and fill the tables."""
        stored = [self._stored[number] for number in self._numbers]
        self._show_chips()
        self._show_settings()
        try:
            observations = merge_experiments(-next(_comparisons), stored)
        except TrainscopeError as error:
            self.reading_failed(str(error))
            return
        self._accuracies.show_variants(observations)
        if self.board is None:
            self.board = comparison_board()
            self.board.use_weight_source(self._weights)
            self._painter = BoardPainter(self.board)
            self.content.addWidget(self.board)
        self.content.setCurrentWidget(self.board)
        if self._painter is not None:
            self._painter.paint(observations)

    def show_entry(self, entry: CatalogueEntry) -> None:
        """Update the title of an experiment."""
        self._entries[entry.number] = entry
        if self.is_drawn:
            self._show_chips()

    def _read(self, number: int) -> PendingQuery:
        def take(part: Any) -> None:
            match part:
                case CatalogueEntry():
                    self._entries[number] = part
                case str():
                    self.say(f"Experiment {number}: {part} …")
                case Stored():
                    self._stored[number] = part

        def end() -> None:
            self._unread.discard(number)
            if not self._unread:
                self.reading_ended()

        def fail(sentence: str) -> None:
            self.stop_loading()  # or progress messages of the others would replace the sentence
            self.reading_failed(sentence)

        return self._reader.ask(read_experiment(number), take, fail, end)

    def _name(self) -> None:
        names = [f"#{number}" for number in self._numbers]
        self.titled.emit(f"Compare {', '.join(names)}", f"Comparison of {pluralise(len(names), 'experiment')}")

    def _show_chips(self) -> None:
        while (item := self._chips.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for position, number in enumerate(self._numbers):
            self._chips.addWidget(self._chip(number, self._entries[number].name), *divmod(position, CHIPS_A_ROW))

    def _chip(self, number: int, name: str) -> QToolButton:
        chip = QToolButton()
        chip.setObjectName(f"take_out_{number}")
        shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        chip.setText(f"#{number} {shown}  ✕".replace("&", "&&"))
        chip.setToolTip(literally(f"Take experiment {number}, {name}, out of the comparison"))
        chip.setAccessibleName(chip.toolTip())
        chip.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        chip.clicked.connect(lambda: self.remove(number))
        return chip

    def _show_settings(self) -> None:
        entries = [self._entries[number] for number in self._numbers]
        rows = [
            ((label, *values), differs, "")
            for label, values, differs in side_by_side(entries)
            if differs or not self._only_differences.isChecked()
        ]
        self._settings.show_rows(("Setting", *(f"#{entry.number}" for entry in entries)), rows)

    def _make_widgets(self) -> None:
        self._accuracies = AccuracyTable()
        self._settings = SettingTable("compared_settings", "Settings side by side")
        self._only_differences = QCheckBox("Only &differences")
        self._only_differences.setObjectName("only_differences")
        self._only_differences.setToolTip("Leave out settings that all of them share")
        self._only_differences.toggled.connect(lambda _on: self._show_settings())
        self._chips = QGridLayout()
        self._chips.setSpacing(4)
        self._chips.setColumnStretch(CHIPS_A_ROW, 1)

    def _arrange(self) -> None:
        heading, accuracies = QLabel("Settings (≠: not the same in all)"), QLabel("Test accuracy")
        heading.setBuddy(self._settings)
        accuracies.setBuddy(self._accuracies)
        top = QHBoxLayout()
        top.addWidget(heading, 1)
        top.addWidget(self._only_differences)
        side = QWidget()
        side.setMinimumWidth(SIDE_WIDTH - 120)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(accuracies)
        column.addWidget(self._accuracies, 1)
        column.addLayout(top)
        column.addWidget(self._settings, 2)
        split = QSplitter()
        split.setObjectName("comparison_split")
        split.setHandleWidth(10)
        split.setChildrenCollapsible(False)
        split.addWidget(self.content)
        split.addWidget(side)
        split.setStretchFactor(0, 1)
        split.setSizes([1280 - SIDE_WIDTH, SIDE_WIDTH])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(self._chips)
        layout.addWidget(split, 1)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size that uses a typical screen."""
        return QSize(1280, 700)


def side_by_side(entries: list[CatalogueEntry]) -> list[tuple[str, tuple[str, ...], bool]]:
    """Return each setting of any of ``entries`` as label, value in each entry, and whether these differ."""
    labels = {each.key: each.label for entry in entries for each in entry.settings}
    values = [{each.key: each.value for each in entry.settings} for entry in entries]
    rows = [(label, tuple(each.get(key, EMPTY) for each in values)) for key, label in labels.items()]
    return [("Experiment", kinds := tuple(entry.kind for entry in entries), len(set(kinds)) > 1)] + [
        (label, texts, len(set(texts)) > 1) for label, texts in rows
    ]
