"""Learning rate range test: loss against rate, with the suggested rate marked."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from engine.analysis.styles import colour_of
from engine.experiments.learning_rate.range_test import RANGE_TEST, losses_in_view, smooth_losses, suggest_rate
from gui.observations.experiment import Observations
from gui.plots.plot import Plot
from gui.plots.ranges import round_range

FAINT_ALPHA = 90  # of 255


class RangePlot(Plot):
    """The smoothed loss over the faint loss of each step; learning rate on a logarithmic axis."""

    def __init__(self) -> None:
        super().__init__("range_test_plot", "Range test", "learning rate", "training loss (nats)")
        self.getPlotItem().setLogMode(x=True)
        self._raw = pg.PlotDataItem(pen=pg.mkPen((*_rgb(0), FAINT_ALPHA), width=1))
        self._smooth = pg.PlotDataItem(pen=pg.mkPen(_rgb(0), width=2), antialias=True)
        self._mark = pg.InfiniteLine(
            angle=90,
            pen=pg.mkPen(_rgb(3), width=2, style=Qt.PenStyle.DashLine),
            label="",
            labelOpts={"position": 0.9, "color": _rgb(3), "anchors": [(0, 0), (1, 0)]},
        )
        for item in (self._raw, self._smooth, self._mark):
            self.addItem(item)
        self._mark.hide()
        self._drawn = -1

    @property
    def suggestion(self) -> str:
        """The label of the mark, or an empty string without one."""
        return self._mark.label.format if self._mark.isVisible() else ""

    def begin(self, observations: Observations) -> None:
        """Clear the plot."""
        self._raw.setData([], [])
        self._smooth.setData([], [])
        self._mark.hide()
        self._drawn = -1
        self.show_values(RANGE_TEST in observations.variants)

    def refresh(self, observations: Observations) -> None:
        """Draw the records of the test so far."""
        variant = observations.variants.get(RANGE_TEST)
        if variant is None or variant.changes == self._drawn or not variant.runs[0].steps:
            return
        self._drawn = variant.changes
        run = variant.runs[0]
        rates, losses = np.array(run.curves["learning_rate"]), np.array(run.curves["training_loss"])
        smooth = smooth_losses(losses)
        self._raw.setData(rates, losses)
        self._smooth.setData(rates, smooth)
        self.setXRange(np.log10(rates[0]), np.log10(run.planned.trained_spec.schedule.rates[-1]), padding=0.02)
        kept = np.append(losses_in_view(losses), smooth[0])
        self.setYRange(*round_range(float(kept.min()), float(kept.max())), padding=0)
        rate = suggest_rate(rates, losses)
        self._mark.setVisible(rate is not None and run.status.is_final)
        if rate is not None:
            self._mark.setPos(np.log10(rate))
            self._mark.label.setFormat(f"try {rate:.2g}")

    def show_variant(self, _name: str, _visible: bool) -> None:
        """Do nothing: the plot shows one variant only."""


def _rgb(position: int) -> tuple[int, int, int]:
    text = colour_of(position)
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)
