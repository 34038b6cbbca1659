"""One tab an experiment; :func:`make_board` makes what each shows beside its form.

Boards are imported when the first of their kind is made: with pyqtgraph, that takes longer than the window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.boards.board import Board


def _architectures() -> Board:
    from gui.boards.architectures import architectures_board

    return architectures_board()


def _activations() -> Board:
    from gui.boards.activations import activations_board

    return activations_board()


def _learning_rate() -> Board:
    from gui.boards.learning_rate import learning_rate_board

    return learning_rate_board()


def _schedule() -> Board:
    from gui.boards.schedule import schedule_board

    return schedule_board()


def _convolution() -> Board:
    from gui.boards.convolution.board import convolution_board

    return convolution_board()


def _basics() -> Board:
    from gui.boards.basics.board import basics_board

    return basics_board()


BOARDS: dict[str, Callable[[], Board]] = {
    "architectures": _architectures,
    "activations": _activations,
    "learning-rate": _learning_rate,
    "schedule": _schedule,
    "convolution": _convolution,
    "basics": _basics,
}


def make_board(experiment: str) -> Board:
    """A board of the kind that an experiment has; one without a board of its own compares architectures."""
    return BOARDS.get(experiment, _architectures)()
