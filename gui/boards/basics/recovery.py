"""The gradient recovered from two successive weights at each step, under three optimisers."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGroupBox, QLabel, QVBoxLayout

from engine.analysis.styles import colour_of
from engine.experiments.basics.experiment import MEASURES
from engine.experiments.basics.report import OPTIMIZERS
from gui.observations.experiment import Observations
from gui.plots.plot import Plot
from gui.plots.ranges import decades
from gui.utils.theme import muted
from gui.widgets.placeholder import Placeholder

PLAIN = next(iter(OPTIMIZERS))
LINE_WIDTH = 1.5
HINT = "Run trains a small network on the digits under three optimisers, and compares at every step."
REASONS = {
    "sgd": "steps by gradient times rate",
    "momentum": "repeats a share of the last step",
    "adam": "scales each weight's step by itself",
}
# References for the differences, both under plain SGD.
REFERENCES = {
    "gradient": ("largest gradient (SGD)", Qt.PenStyle.DotLine),
    "bound": ("float32 rounding, at most", Qt.PenStyle.DashLine),
}
PLOT_HEIGHT = 170  # pixels, the minimum at which five lines can be distinguished
AXIS_WIDTH = 66  # pixels, fits "0.0001" and a title


class RecoveryPanel(QGroupBox):
    """The plot with an explanation."""

    def __init__(self) -> None:
        super().__init__("Gradient from two weights, (wₖ - wₖ₊₁) / rate")
        self.setObjectName("recovery_panel")
        self._plot, self._text = RecoveryPlot(), QLabel()
        self._placeholder = Placeholder(HINT, self._plot)
        self._text.setObjectName("recovery_words")
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.RichText)
        column = QVBoxLayout(self)
        column.addWidget(self._placeholder, 1)
        column.addWidget(self._text)
        self._show_text()

    def begin(self, observations: Observations) -> None:
        """Clear the steps of the last run."""
        self._placeholder.show_content(True)
        self._plot.begin(observations)
        self._show_text()

    def refresh(self, observations: Observations) -> None:
        """Draw new steps and update the text."""
        if len(observations.parts) > self._plot.count:
            self._plot.refresh(observations)
            self._show_text()

    def _show_text(self) -> None:
        lines = (
            f"<span style='color:{colour_of(position)}'>■</span> <b>{title}</b>{self._result(name)}"
            for position, (name, title) in enumerate(OPTIMIZERS.items())
        )
        self._text.setText("<br>".join(lines))

    def _result(self, name: str) -> str:
        if not self._plot.count:
            return f": {REASONS[name]}."
        largest, bound = self._plot.largest[name, "difference"], self._plot.largest[name, "bound"]
        if self._plot.within[name]:
            return f" off by <b>{largest:.1e}</b>; float32 rounding: up to {bound:.1e}"
        return f" off by <b>{largest:.2g}</b>: {REASONS[name]}"


class RecoveryPlot(Plot):
    """Largest difference from the computed gradient at each step, on a logarithmic axis."""

    def __init__(self) -> None:
        title = "Largest difference from the gradient"
        super().__init__("gradient_recovery", title, "step", "absolute value")
        self.setMinimumHeight(PLOT_HEIGHT)
        self.getPlotItem().getAxis("left").setWidth(AXIS_WIDTH)
        self.getPlotItem().setLogMode(y=True)
        self._range: tuple[float, float] | None = None
        # Keyed by optimiser and measure.
        self.lines = {
            (name, "difference"): self.plot(pen=pg.mkPen(colour_of(position), width=LINE_WIDTH), antialias=True)
            for position, name in enumerate(OPTIMIZERS)
        }
        # Of five lines, the text below names three; the legend is where the curves leave two decades free.
        legend = self.getPlotItem().addLegend(labelTextSize="8pt", verSpacing=-4)
        legend.anchor((1, 0.5), (1, 0.5), offset=(-8, 0))
        for measure, (title, _) in REFERENCES.items():
            self.lines[PLAIN, measure] = self.plot(name=title, antialias=True)
        self._reset()
        self._restyle()

    @property
    def count(self) -> int:
        """The number of drawn steps."""
        return len(self._steps)

    def begin(self, _observations: Observations) -> None:
        """Clear the steps of the last run."""
        self._reset()
        for line in self.lines.values():
            line.setData([], [])
        self.show_values(True)

    def refresh(self, observations: Observations) -> None:
        """Draw the new steps."""
        for part in observations.parts[self.count :]:
            self._append(part.values)
        steps = np.array(self._steps)
        for key, line in self.lines.items():
            line.setData(steps, np.array(self._curves[key]))
        self._fit(observations.parts[0].values["steps"])

    def _reset(self) -> None:
        self._range = None
        self._steps = array("d")
        self._curves = {key: array("d") for key in self.lines}
        self._smallest = math.inf
        self.largest = {(name, measure): 0.0 for name in OPTIMIZERS for measure in MEASURES}
        self.within = dict.fromkeys(OPTIMIZERS, True)

    def _append(self, step: dict[str, Any]) -> None:
        """Append a step; zeros become NaN, as they have no position on a logarithmic axis."""
        self._steps.append(step["step"])
        for (name, measure), curve in self._curves.items():
            curve.append(step[name][measure] or math.nan)
            self._smallest = min(self._smallest, step[name][measure] or math.inf)
        for name, measure in self.largest:
            self.largest[name, measure] = max(self.largest[name, measure], step[name][measure])
        for name in OPTIMIZERS:
            self.within[name] &= step[name]["within"]

    def _fit(self, steps: int) -> None:
        """Show whole decades, which seldom change, and all planned steps."""
        wanted = decades(self._smallest, max(self.largest[key] for key in self.lines))
        if wanted != self._range:
            self._range = wanted
            self.setYRange(*wanted, padding=0)
            self.setXRange(0, steps, padding=0.02)

    def _restyle(self) -> None:
        super()._restyle()
        legend = self.getPlotItem().legend
        if legend is None:  # called by the base class's constructor
            return
        for _, label in legend.items:
            label.setText(label.text, color=self.palette().color(QPalette.ColorRole.Text).name())
        for measure, (_, style) in REFERENCES.items():
            self.lines[PLAIN, measure].setPen(pg.mkPen(muted(self.palette()), width=LINE_WIDTH, style=style))
