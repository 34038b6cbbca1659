"""The board of the Basics tab."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout

from engine.config.specs import ExperimentSpec
from gui.boards.basics.batches import BatchesPanel
from gui.boards.basics.cross_entropy import CrossEntropyPanel
from gui.boards.basics.parameters import ParametersPanel
from gui.boards.basics.recovery import RecoveryPanel
from gui.boards.board import Board, View
from gui.widgets.factories import splitter


class BasicsBoard(Board):
    """Four panels: three compute immediately, the gradient from two weights when the experiment runs."""

    def __init__(self) -> None:
        super().__init__()
        self._recovery = RecoveryPanel()
        self._batches, self._parameters = BatchesPanel(), ParametersPanel()
        self._batches.chosen.connect(self.settings_chosen.emit)
        self._parameters.chosen.connect(self.settings_chosen.emit)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._left(), 1)
        right = QVBoxLayout()
        right.addWidget(self._batches)
        right.addWidget(self._parameters, 1)
        row.addLayout(right, 1)

    def views(self) -> Sequence[View]:
        """Return the one panel that an experiment fills."""
        return (self._recovery,)

    def show_settings(self, spec: ExperimentSpec) -> None:
        """Show the form's settings of batches and network."""
        values = spec.model_dump()
        self._batches.show_values(values)
        self._parameters.show_values(values)

    def _left(self) -> QSplitter:
        return splitter("views", (CrossEntropyPanel(), 330, 330), (self._recovery, 380, 380))


def basics_board() -> Board:
    """Create the board of the basics experiment."""
    return BasicsBoard()
