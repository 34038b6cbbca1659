"""One tab an experiment; :data:`BOARDS` says what each shows beside its form."""

from __future__ import annotations

from collections.abc import Callable

from gui.tabs.architectures import architectures_board
from gui.tabs.board import Board

BOARDS: dict[str, Callable[[], Board]] = {"architectures": architectures_board}
