"""Draws a board view by view, so that the event loop is never blocked for longer than one of them takes."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, QTimer

from gui.boards.board import Board, View
from gui.observations.experiment import Observations


class BoardPainter(QObject):
    """Draws observations that no longer change; a new call of ``paint`` discards what is left to draw."""

    def __init__(self, board: Board) -> None:
        super().__init__(board)
        self._board = board
        self._left: Iterator[tuple[View, bool]] = iter(())
        self._observations = Observations()
        self._timer = QTimer(self, interval=0)
        self._timer.timeout.connect(self._paint_next)

    @property
    def is_done(self) -> bool:
        """Whether everything has been drawn."""
        return not self._timer.isActive()

    def paint(self, observations: Observations) -> None:
        """Begin every view with ``observations``, in the board's order, and then draw them."""
        self._observations = observations
        views = list(self._board.views())
        self._left = iter([*((view, True) for view in views), *((view, False) for view in views)])
        self._timer.start()

    def _paint_next(self) -> None:
        view, is_new = next(self._left, (None, False))
        if view is None:
            self._timer.stop()
        elif is_new:
            view.begin(self._observations)
        else:
            view.refresh(self._observations)
