"""The board of the chosen experiment: drawn while it trains, or read from the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QPalette, QShowEvent
from PySide6.QtWidgets import QLabel, QStackedWidget

from engine.experiments.own_code import OWN_CODE_EXPERIMENT
from gui.background.store_reader import PendingQuery, StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards import make_board
from gui.boards.board import Board
from gui.boards.painter import BoardPainter, LivePainter
from gui.observations.experiment import Observations
from gui.observations.stored import Stored, read_experiment
from gui.widgets.start_page import Invitation, StartPage

INVITATION = Invitation(
    "Watch your own code train",
    "Add three lines to your script, in PyTorch, Keras or NumPy, and its curves appear here while it trains: repeats "
    "averaged with bands, findings in words, weights as images, and afterwards history, comparison and report. Folders "
    "of TensorBoard, CSV files of Keras and Lightning, and the result dictionaries of the course open here as well; "
    "drop them anywhere on this page.",
    "Show me the &lines to add",
    "Choose a folder, copy the lines, and watch what they log (Ctrl+Shift+W)",
)


class ExperimentView(QStackedWidget):
    """Shows a start page, a sentence, or the board of an experiment; the board is built when first needed.

    Nothing is drawn while it is hidden. Emits ``started()`` for the start page's button, ``changed()`` when other
    observations are shown, ``drawn()`` when those of a training were drawn anew, and ``failed(sentence)``.
    """

    started = Signal()
    changed = Signal()
    drawn = Signal()
    failed = Signal(str)

    def __init__(self, reader: StoreReader, weights: WeightReader) -> None:
        super().__init__()
        self._reader, self._weights = reader, weights
        self._pending: PendingQuery | None = None
        self._is_live: Callable[[], bool] = _never
        self._painter: BoardPainter | None = None
        self._live: LivePainter | None = None
        self.observations: Observations | None = None
        self.board: Board | None = None
        self._page, self._state = StartPage(), QLabel()
        self._page.show_invitation(INVITATION)
        self._page.pressed.connect(lambda _welcome: self.started.emit())
        self._state.setObjectName("watch_state")
        self._state.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._state.setTextFormat(Qt.TextFormat.PlainText)
        self._state.setWordWrap(True)
        self._state.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.addWidget(self._page)
        self.addWidget(self._state)

    @property
    def is_painted(self) -> bool:
        """Whether the board shows all that it is to show, or is kept up to date."""
        return self._painter is not None and self._painter.is_done

    def show_start(self) -> None:
        """Show the start page."""
        self._show(None)
        self.setCurrentWidget(self._page)

    def say(self, sentence: str) -> None:
        """Show a sentence in place of the board."""
        self._show(None)
        self._show_sentence(sentence)

    def show_observations(self, observations: Observations, is_live: Callable[[], bool]) -> None:
        """Show an experiment; it is drawn again and again while ``is_live``."""
        self._is_live = is_live
        self._show(observations)
        self._paint()

    def show_stored(self, number: int) -> None:
        """Read experiment ``number`` from the store and show it."""
        self.say(f"Experiment {number} is being read …")

        def take(part: Any) -> None:
            match part:
                case str():
                    self._show_sentence(f"Experiment {number}: {part} …")
                case Stored():
                    self.show_observations(part.observations, _never)

        def fail(sentence: str) -> None:
            self._show_sentence(sentence)
            self.failed.emit(sentence)

        self._pending = self._reader.ask(read_experiment(number), take, fail)

    def repaint_plan(self) -> None:
        """Draw everything anew: the experiment shown has other runs, or has ended."""
        self.changed.emit()
        self._paint()

    def stop(self) -> None:
        """Cancel what is being read."""
        if self._pending is not None:
            self._pending.cancel()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw what has come while nothing was drawn."""
        super().showEvent(event)
        self._paint()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Draw no more."""
        super().hideEvent(event)
        self._stop_painting()

    def _show(self, observations: Observations | None) -> None:
        self.stop()
        self._stop_painting()
        self.observations = observations
        self.changed.emit()

    def _show_sentence(self, sentence: str) -> None:
        self._state.setText(sentence)
        self.setCurrentWidget(self._state)

    def _paint(self) -> None:
        if self.observations is None or not self.isVisible():
            return
        self._stop_painting()
        if self.board is None:
            self._make_board()
        if self._painter is not None and self.board is not None:
            self.setCurrentWidget(self.board)
            self._painter.paint(self.observations)

    def _make_board(self) -> None:
        self.board = make_board(OWN_CODE_EXPERIMENT.name)
        self.board.failed.connect(self.failed)
        self.board.use_weight_source(self._weights)
        self._painter, self._live = BoardPainter(self.board), LivePainter(self.board, self.drawn.emit)
        self._painter.done.connect(self._go_on)
        self.addWidget(self.board)

    def _go_on(self) -> None:
        """Keep the board up to date once it has been drawn."""
        if self._live is not None and self.observations is not None and self._is_live():
            self._live.start(self.observations)

    def _stop_painting(self) -> None:
        for painter in (self._painter, self._live):
            if painter is not None:
                painter.stop()


def _never() -> bool:
    return False
