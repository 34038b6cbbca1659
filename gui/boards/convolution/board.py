"""The board of the Convolution tab."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.boards.board import Board, View
from gui.boards.convolution.method_table import MethodTable, MethodTimes
from gui.boards.convolution.output_grid import OutputGrid
from gui.boards.convolution.sliding_kernel import SlidingKernel
from gui.widgets.factories import splitter


class ConvolutionBoard(Board):
    """Outputs, methods and the sliding kernel; the kernel slides for the output picked in the grid."""

    def __init__(self) -> None:
        super().__init__()
        self._outputs, self._slide = OutputGrid(), SlidingKernel()
        self._methods, self._times = MethodTable(), MethodTimes()
        self._outputs.picked.connect(self._slide.choose)
        self._slide.chosen.connect(self._outputs.mark)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter("views", (self._upper(), 4, 310), (self._slide, 5, 380)))

    def views(self) -> Sequence[View]:
        """Return table, bars, grid and sliding kernel."""
        return (self._methods, self._times, self._outputs, self._slide)

    def _upper(self) -> QWidget:
        upper = QWidget()
        row = QHBoxLayout(upper)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._outputs, 1)
        column = QVBoxLayout()
        column.addWidget(self._methods)
        column.addWidget(self._times, 1)
        row.addLayout(column, 1)
        return upper


def convolution_board() -> Board:
    """Create the board of the convolution experiment."""
    return ConvolutionBoard()
