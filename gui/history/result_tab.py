"""Tab of a stored experiment: its board and its details."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.workspace.catalogue import CatalogueEntry
from gui.background.store_reader import PendingQuery, StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards import make_board
from gui.boards.board import Board
from gui.boards.painter import BoardPainter
from gui.history.action_bar import ActionBar
from gui.history.actions import Choice, ExperimentActions
from gui.history.details import ExperimentDetails, scroll_area_of
from gui.history.opened_tab import OpenedTab
from gui.observations.stored import Stored, read_experiment, spec_of
from gui.widgets.side_panel import panel_width

BUTTONS_A_ROW = 2
WHEN_AGAIN = "read again when it ends, or when the tab is opened anew"
BUTTONS = ("run_again", "resume", "add_repeats", "train_on", "copy_settings", "export", "report", "delete", "restore")


class ResultTab(OpenedTab):
    """Shows experiment ``number`` with the board of its kind."""

    def __init__(self, number: int, reader: StoreReader, weights: WeightReader, actions: ExperimentActions) -> None:
        super().__init__()
        self.setObjectName(f"result_{number}")
        self._number, self._reader, self._weights = number, reader, weights
        self._stored: Stored | None = None
        self._pending: PendingQuery | None = None
        self.board: Board | None = None
        self._painter: BoardPainter | None = None
        self.details = ExperimentDetails(actions.drafts)
        self._bar = ActionBar(actions, BUTTONS, BUTTONS_A_ROW)
        self.details.renamed.connect(actions.rename)
        self.details.annotated.connect(actions.annotate)
        self._snapshot = QLabel()
        self._snapshot.setObjectName("snapshot")
        self._snapshot.setWordWrap(True)
        self._snapshot.hide()
        self._arrange()

    @property
    def key(self) -> str:
        """The number of the experiment."""
        return str(self._number)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The number of the experiment, as a tuple."""
        return (self._number,)

    @property
    def training_actions(self) -> list[QAction]:
        """Actions for the Training menu."""
        return self._bar.training_actions

    @property
    def is_painted(self) -> bool:
        """Whether every view has been drawn."""
        return self.is_drawn and self._painter is not None and self._painter.is_done

    def load(self) -> None:
        """Read the experiment from the store."""
        self.stop_loading()
        self.say(f"Experiment {self._number} is being read …")
        self._pending = self._reader.ask(
            read_experiment(self._number), self._take, self.reading_failed, self.reading_ended
        )

    def stop_loading(self) -> None:
        """Save edits and cancel pending queries."""
        self.details.keep()
        if self._pending is not None:
            self._pending.cancel()

    def draw(self) -> None:
        """Draw the board."""
        if self._stored is None:
            return
        if self.board is None:
            self.board = make_board(self._stored.entry.stored.name)
            self.board.failed.connect(self.failed)
            self.board.use_weight_source(self._weights)
            self._painter = BoardPainter(self.board)
            self.content.addWidget(self.board)
        self.board.show_settings(spec_of(self._stored.entry))
        self.content.setCurrentWidget(self.board)
        if self._painter is not None:
            self._painter.paint(self._stored.observations)

    def show_entry(self, entry: CatalogueEntry) -> None:
        """Update details, buttons and title."""
        self.details.show_entry(entry)
        self._bar.show_choice(Choice((entry,)))
        self.titled.emit(f"#{entry.number} {entry.name}", entry.difference)

    def _take(self, part: Any) -> None:
        match part:
            case CatalogueEntry():
                self.show_entry(part)
            case str():
                self.say(f"Experiment {self._number}: {part} …")
            case Stored():
                self._stored = part
                self._show_time(part.entry)

    def _show_time(self, entry: CatalogueEntry) -> None:
        """Show when the data of an unfinished experiment were read."""
        status = entry.stored.status
        self._snapshot.setVisible(not status.is_final)
        self._snapshot.setText(f"{status.value.capitalize()}: as stored at {time.strftime('%H:%M:%S')}; {WHEN_AGAIN}.")

    def _arrange(self) -> None:
        panel = QWidget()
        panel.setFixedWidth(panel_width(self))
        column = QVBoxLayout(panel)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._snapshot)
        column.addWidget(scroll_area_of(self.details), 1)
        column.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.addWidget(panel)
        row.addWidget(self.content, 1)
