"""Draws a board view by view, so that the event loop is never blocked for longer than one of them takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle

from PySide6.QtCore import QObject, QTimer, Signal

from gui.boards.board import Board, View
from gui.observations.experiment import Observations

# One view is drawn per tick, so that the event loop is blocked no longer than the slowest view takes; six views are
# each redrawn four times a second, which is as often as a curve moves visibly.
PAINT_INTERVAL_MS = 40


class LivePainter(QObject):
    """Draws observations that grow, one view a tick, and after the last view what is beside the board.

    Args:
        board: its views have begun with the observations.
        beside: draws what is beside the board.
    """

    def __init__(self, board: Board, beside: Callable[[], None]) -> None:
        super().__init__(board)
        self._beside = beside
        self._observations = Observations()
        self._views: Iterator[View | None] = cycle([*board.views(), None])
        self._timer = QTimer(self, interval=PAINT_INTERVAL_MS)
        self._timer.timeout.connect(self._paint_next)

    @property
    def is_active(self) -> bool:
        """Whether it is drawing."""
        return self._timer.isActive()

    def start(self, observations: Observations) -> None:
        """Draw ``observations`` from now on."""
        self._observations = observations
        self._timer.start()

    def stop(self) -> None:
        """Draw no more."""
        self._timer.stop()

    def _paint_next(self) -> None:
        if (view := next(self._views)) is None:
            self._beside()
        else:
            view.refresh(self._observations)


class BoardPainter(QObject):
    """Draws observations once; a new call of ``paint`` discards what is left to draw. Emits ``done()`` at the end."""

    done = Signal()

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

    def stop(self) -> None:
        """Discard what is left to draw."""
        self._timer.stop()

    def _paint_next(self) -> None:
        view, is_new = next(self._left, (None, False))
        if view is None:
            self._timer.stop()
            self.done.emit()
        elif is_new:
            view.begin(self._observations)
        else:
            view.refresh(self._observations)
