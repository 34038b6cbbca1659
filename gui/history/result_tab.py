"""A stored experiment, opened: its board beside what the store knows of it."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.workspace.catalogue import CatalogueEntry
from gui.background.store_reader import Reading, StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards import make_board
from gui.boards.board import Board
from gui.boards.painter import BoardPainter
from gui.history.actions import ActionBar, Choice, ExperimentActions
from gui.history.details import ExperimentDetails, scrolling
from gui.history.opened_tab import OpenedTab
from gui.observations.stored import Stored, reading, spec_of
from gui.widgets.side_panel import panel_width

BUTTONS_A_ROW = 2
WHEN_AGAIN = "read again when it ends, or when the tab is opened anew"
BUTTONS = ("run_again", "resume", "add_repeats", "train_on", "copy_settings", "export", "report", "delete", "restore")


class ResultTab(OpenedTab):
    """Shows experiment ``number`` with the board of its kind."""

    def __init__(self, number: int, reader: StoreReader, kernels: WeightReader, actions: ExperimentActions) -> None:
        super().__init__()
        self.setObjectName(f"result_{number}")
        self._number, self._reader, self._kernels = number, reader, kernels
        self._stored: Stored | None = None
        self._reading: Reading | None = None
        self.board: Board | None = None
        self._painter: BoardPainter | None = None
        self.details = ExperimentDetails()
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
        """Its number."""
        return str(self._number)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The one experiment."""
        return (self._number,)

    @property
    def training_actions(self) -> list[QAction]:
        """What the Training menu offers for it."""
        return self._bar.training_actions

    @property
    def is_painted(self) -> bool:
        """Whether every view has been drawn."""
        return self.is_drawn and self._painter is not None and self._painter.is_done

    def load(self) -> None:
        """Read the experiment from the store."""
        self.drop()
        self.say(f"Experiment {self._number} is being read …")
        self._reading = self._reader.ask(reading(self._number), self._take, self.reading_failed, self.reading_ended)

    def drop(self) -> None:
        """Keep what was written about it; forget what is being read."""
        self.details.keep()
        if self._reading is not None:
            self._reading.drop()

    def draw(self) -> None:
        """Fill the board."""
        if self._stored is None:
            return
        if self.board is None:
            self.board = make_board(self._stored.entry.stored.name)
            self.board.failed.connect(self.failed)
            self.board.use_weight_source(self._kernels)
            self._painter = BoardPainter(self.board)
            self.content.addWidget(self.board)
        self.board.show_settings(spec_of(self._stored.entry))
        self.content.setCurrentWidget(self.board)
        if self._painter is not None:
            self._painter.paint(self._stored.observations)

    def show_entry(self, entry: CatalogueEntry) -> None:
        """Show what is newly known of the experiment."""
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
                self._say_when(part.entry)

    def _say_when(self, entry: CatalogueEntry) -> None:
        """What is under way is shown as far as it was stored."""
        status = entry.stored.status
        self._snapshot.setVisible(not status.is_final)
        self._snapshot.setText(f"{status.value.capitalize()}: as stored at {time.strftime('%H:%M:%S')}; {WHEN_AGAIN}.")

    def _arrange(self) -> None:
        panel = QWidget()
        panel.setFixedWidth(panel_width(self))
        column = QVBoxLayout(panel)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._snapshot)
        column.addWidget(scrolling(self.details), 1)
        column.addWidget(self._bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.addWidget(panel)
        row.addWidget(self.content, 1)
