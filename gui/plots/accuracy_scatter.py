"""Test against training accuracy: one point per run."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from gui.observations.experiment import Observations
from gui.plots.accuracy_points import PERCENT, POINT_ALPHA, POINT_SIZE
from gui.plots.curves.curve import FADED
from gui.plots.plot import Plot
from gui.utils.theme import muted


class AccuracyScatter(Plot):
    """One point per tested run; both accuracies are equal on the dotted line."""

    def __init__(self) -> None:
        title = "Test against training accuracy (one point a run)"
        super().__init__("test_against_training", title, "training accuracy (%)", "test accuracy (%)")
        self._points: dict[str, pg.ScatterPlotItem] = {}
        self._drawn: dict[str, int] = {}

    def begin(self, observations: Observations) -> None:
        """Clear the plot and set up for the variants of a new plan."""
        self.getPlotItem().clear()
        self.show_values(True)
        self._drawn.clear()
        diagonal = pg.InfiniteLine((0, 0), angle=45, pen=pg.mkPen(muted(self.palette()), style=Qt.PenStyle.DotLine))
        self.addItem(diagonal, ignoreBounds=True)
        self._points = {}
        for name, variant in observations.variants.items():
            colour = QColor(variant.style.hex)
            colour.setAlpha(POINT_ALPHA)
            self._points[name] = pg.ScatterPlotItem(size=POINT_SIZE, brush=colour, pen=None, hoverable=True)
            self.addItem(self._points[name])

    def refresh(self, observations: Observations) -> None:
        """Draw the points of variants with newly tested runs."""
        for name, variant in observations.variants.items():
            reached = [(run, run.tested("training_accuracy")) for run in variant.runs if run.test_accuracy is not None]
            tested = [run for run, accuracy in reached if accuracy is not None]
            if self._drawn.get(name) != len(tested) or variant.is_logged:  # may have been replaced
                self._drawn[name] = len(tested)
                training = [PERCENT * accuracy for _, accuracy in reached if accuracy is not None]
                test = [PERCENT * run.test_accuracy for run in tested if run.test_accuracy is not None]
                self._points[name].setData(training, test)

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide the points of one variant."""
        if name in self._points:
            self._points[name].setVisible(visible)

    def highlight_variant(self, name: str | None) -> None:
        """Fade the points of all other variants; None fades none."""
        for other, points in self._points.items():
            points.setOpacity(FADED if name is not None and other != name else 1)
