"""One tab an experiment; :data:`BOARDS` says what each shows beside its form."""

from __future__ import annotations

from collections.abc import Callable

from gui.tabs.activations import activations_board
from gui.tabs.architectures import architectures_board
from gui.tabs.basics import basics_board
from gui.tabs.board import Board
from gui.tabs.convolution import convolution_board
from gui.tabs.learning_rate import learning_rate_board
from gui.tabs.schedule import schedule_board

BOARDS: dict[str, Callable[[], Board]] = {
    "architectures": architectures_board,
    "activations": activations_board,
    "learning-rate": learning_rate_board,
    "schedule": schedule_board,
    "convolution": convolution_board,
    "basics": basics_board,
}
