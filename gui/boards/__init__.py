"""One tab an experiment; :func:`make_board` makes what each shows beside its form.

Boards are imported when the first of their kind is made: with pyqtgraph, that takes longer than the window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.experiments import EXPERIMENTS
from engine.experiments.base import ComputedExperiment

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


def _computed() -> Board:
    from gui.boards.computed import computed_board

    return computed_board()


# Those that have a board of their own.
BOARDS: dict[str, Callable[[], Board]] = {
    "architectures": _architectures,
    "activations": _activations,
    "learning-rate": _learning_rate,
    "schedule": _schedule,
    "convolution": _convolution,
    "basics": _basics,
}


def make_board(experiment: str) -> Board:
    """The board of an experiment; one of its kind where it has none of its own.

    That is the findings of a computed experiment, else the curves that compare architectures.
    """
    usual = _computed if isinstance(EXPERIMENTS.get(experiment), ComputedExperiment) else _architectures
    return BOARDS.get(experiment, usual)()
