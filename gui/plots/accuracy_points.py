"""Test accuracy: one column per variant, one point per run."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor

from engine.analysis.statistics import accuracies_of, spread
from engine.utils.arrays import Array
from gui.observations.experiment import Observations
from gui.plots.plot import Plot

PERCENT = 100.0
POINT_SIZE = 9
POINT_ALPHA = 200
MEAN_WIDTH = 0.6  # in columns
MARGIN = 0.5


class AccuracyPoints(Plot):
    """The runs of each variant in its colour, a line at the mean of the runs included in statistics; columns from 1."""

    def __init__(self) -> None:
        title = "Test accuracy (one point a run, line: mean)"
        super().__init__("accuracy_points", title, "variant, numbered as in the table", "test accuracy (%)")
        self._points: dict[str, pg.ScatterPlotItem] = {}
        self._means: dict[str, pg.PlotDataItem] = {}

    def begin(self, observations: Observations) -> None:
        """Set up for the variants of a new plan."""
        item = self.getPlotItem()
        item.clear()
        self.show_values(True)
        self._points, self._means = {}, {}
        for name, variant in observations.variants.items():
            colour = QColor(variant.style.hex)
            self._means[name] = self.plot(pen=pg.mkPen(colour, width=2, cosmetic=True))
            colour.setAlpha(POINT_ALPHA)
            self._points[name] = pg.ScatterPlotItem(size=POINT_SIZE, brush=colour, pen=None)
            self.addItem(self._points[name])
        columns = range(1, len(observations.variants) + 1)
        item.getAxis("bottom").setTicks([[(column, str(column)) for column in columns]])
        self.setXRange(1 - MARGIN, len(columns) + MARGIN, padding=0)
        self.getViewBox().enableAutoRange(y=True)

    def refresh(self, observations: Observations) -> None:
        """Draw the points and means."""
        for column, (name, variant) in enumerate(observations.variants.items(), start=1):
            tested = [PERCENT * accuracy for accuracy in accuracies_of(variant.runs)]
            mean = spread(variant.test_accuracies)["mean"]
            self._points[name].setData([column] * len(tested), tested)
            height = float("nan") if mean is None else PERCENT * mean
            self._means[name].setData([column - MEAN_WIDTH / 2, column + MEAN_WIDTH / 2], [height, height])

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide the points of one variant."""
        for items in (self._points, self._means):
            if name in items:
                items[name].setVisible(visible)

    def points(self, name: str) -> Array:
        """Return the plotted test accuracies of a variant in percent, float64 [runs]."""
        return np.asarray(self._points[name].getData()[1])
