"""Boards: what an experiment's tab shows beside its form, created by ``make_board``.

A board's module is imported when the first one is created: with pyqtgraph that takes longer than creating the window.
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


def _own_code() -> Board:
    from gui.boards.own_code import own_code_board

    return own_code_board()


def _computed() -> Board:
    from gui.boards.computed import computed_board

    return computed_board()


# Experiments with a board of their own.
BOARDS: dict[str, Callable[[], Board]] = {
    "architectures": _architectures,
    "activations": _activations,
    "learning-rate": _learning_rate,
    "schedule": _schedule,
    "convolution": _convolution,
    "basics": _basics,
    "own-code": _own_code,
}


def make_board(experiment: str) -> Board:
    """Create the board of an experiment.

    Without a board of its own, a computed experiment gets the generic one, any other the one of architectures.
    """
    default = _computed if isinstance(EXPERIMENTS.get(experiment), ComputedExperiment) else _architectures
    return BOARDS.get(experiment, default)()
