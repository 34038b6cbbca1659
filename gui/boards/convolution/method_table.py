"""Time and numerical difference of each convolution method: a table and a bar chart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.analysis.styles import colour_of
from engine.experiments.convolution.numpy_convolution import METHODS
from gui.observations.experiment import Observations
from gui.plots.plot import Plot
from gui.widgets.tables import fit_titles, make_read_only

DESCRIPTIONS = {
    "loops": "A loop for every index, multiplying and adding one number at a time",
    "windows": "All windows as a view of the input, summed by numpy.einsum",
    "im2col": "Every window copied into a column of a matrix, which is multiplied with the matrix of kernels",
    "framework": "tf.nn.conv2d, which trains the networks of the other tabs",
}
TITLES = (
    ("Method", "How the convolution is computed"),
    ("Time (ms)", "Of the fastest call"),
    ("Speed-up", "How many times as fast as plain loops"),
    ("Difference", "Largest absolute difference of any output value from the float64 loops'"),
    ("Type", "Type of number that it computes with"),
)
ROW_HEIGHT = 24
ROW_PADDING = 6  # minimum of the pixels above plus below a line
BAR_NAMES = ("loops", "windows", "im2col", "TensorFlow")
NAMES_WIDTH = 76  # pixels
NO_SHAPES = " \n "  # two lines, like the text to come
EMPTY_RANGE = (-2, 3)  # decades of milliseconds


class MethodTable(QWidget):
    """One row per method, filled when it has been timed."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("convolution_methods")
        self._table = _table()
        self._shapes = QLabel(NO_SHAPES)
        self._shapes.setObjectName("caption")
        self._shapes.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        layout.addWidget(self._shapes)
        self._drawn = -1

    def begin(self, _observations: Observations) -> None:
        """Clear the table."""
        self._drawn = -1
        self._shapes.setText(NO_SHAPES)
        for row in range(len(METHODS)):
            self._write(row, [""] * (len(TITLES) - 1))

    def refresh(self, observations: Observations) -> None:
        """Fill the rows of timed methods."""
        if self._drawn == len(observations.parts):
            return
        self._drawn = len(observations.parts)
        for part in observations.parts:
            if part.name == "shapes":
                self._shapes.setText(_shapes(part.values))
        for method, values in timed_methods(observations):
            numbers = (f"{1000 * values['seconds']:,.3f}", f"{values['speedup']:,.1f}×")
            difference = f"{values['largest_difference']:.2g}" if method != "loops" else "reference"
            self._write(list(METHODS).index(method), [*numbers, difference, values["dtype"]])

    def _write(self, row: int, texts: list[str]) -> None:
        for column, text in enumerate(texts, start=1):
            self._table.model().setData(self._table.model().index(row, column), text)


class MethodTimes(Plot):
    """One bar per method on a logarithmic axis."""

    def __init__(self) -> None:
        super().__init__("convolution_times", "Time of one convolution", "time (ms), logarithmic", "")
        self._drawn = -1
        item = self.getPlotItem()
        item.setMouseEnabled(x=False, y=False)
        item.showGrid(x=True, y=False, alpha=0.15)
        item.getAxis("left").setWidth(NAMES_WIDTH)
        item.getAxis("left").setTicks([list(enumerate(BAR_NAMES))])
        item.getViewBox().invertY()
        self._show_decades(*EMPTY_RANGE)
        self.setYRange(-0.6, len(METHODS) - 0.4, padding=0)
        self.show_values(True)

    def begin(self, _observations: Observations) -> None:
        """Remove the bars."""
        self._drawn = -1
        self.getPlotItem().clear()

    def refresh(self, observations: Observations) -> None:
        """Draw the bars of timed methods."""
        times = {method: math.log10(1000 * values["seconds"]) for method, values in timed_methods(observations)}
        if self._drawn == len(times):
            return
        self._drawn = len(times)
        self.getPlotItem().clear()
        low = min(EMPTY_RANGE[0], *(math.floor(time) for time in times.values()), 0)
        high = max(EMPTY_RANGE[1], *(math.ceil(time) for time in times.values()), 0)
        self._show_decades(low, high)
        for row, method in enumerate(METHODS):
            if method in times:
                self.addItem(
                    pg.BarGraphItem(y=row, height=0.6, x0=low, x1=times[method], pen=None, brush=colour_of(row))
                )

    def _show_decades(self, low: int, high: int) -> None:
        """Show the decades from ``low`` to ``high``, labelled in milliseconds."""
        self.setXRange(low, high, padding=0)
        axis = self.getPlotItem().getAxis("bottom")
        axis.setTicks([[(decade, f"{10.0**decade:,g}") for decade in range(low, high)]])


def timed_methods(observations: Observations) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the timed methods and their measurements."""
    return ((part.values["method"], part.values) for part in observations.parts if part.name == "method")


def _shapes(values: dict[str, Any]) -> str:
    def size(name: str) -> str:
        return "x".join(str(length) for length in values[f"{name}_shape"])

    return (
        f"input {size('input')} {values['input_dtype']}, kernel {size('kernel')} {values['kernel_dtype']}\n"
        f"→ output {size('output')}: {values['multiplications']:,} multiplications"
    )


def _table() -> QTableWidget:
    table = QTableWidget(len(METHODS), len(TITLES))
    row_height = max(ROW_HEIGHT, table.fontMetrics().height() + ROW_PADDING)
    make_read_only(table, "methods", "Methods", row_height)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setWordWrap(False)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setFixedHeight(row_height)
    height = row_height * (len(METHODS) + 1) + 2 * table.frameWidth()
    table.setFixedHeight(height)
    bar = table.horizontalScrollBar()  # shown when the columns do not fit; it must not cover a row
    bar.rangeChanged.connect(lambda _low, high: table.setFixedHeight(height + bool(high) * bar.sizeHint().height()))
    for column, (title, tip) in enumerate(TITLES):
        head = QTableWidgetItem(title)
        head.setToolTip(tip)
        head.setTextAlignment(_alignment(column))
        table.setHorizontalHeaderItem(column, head)
        for row, method in enumerate(METHODS):
            item = QTableWidgetItem(METHODS[method] if column == 0 else "")
            item.setTextAlignment(_alignment(column))
            item.setToolTip(DESCRIPTIONS[method])
            table.setItem(row, column, item)
    fit_titles(table)
    return table


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
