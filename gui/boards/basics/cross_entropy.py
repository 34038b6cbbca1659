"""Interactive cross-entropy: logits as sliders, the loss as a point on its curve, its gradient as bars."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from engine.analysis.styles import colour_of
from engine.experiments.basics.experiment import PROBABILITIES
from engine.experiments.basics.formulas import cross_entropy, cross_entropy_of_logits, gradient_at_logits, softmax
from gui.plots.plot import Plot

CLASSES = ("cat", "dog", "ship")
TITLES = ("true class", "logit z", "", "p = softmax(z)", "p - y")

# Sliders have integer values: tenths of a logit, thousandths of a probability.
LOGIT_STEPS, LOGIT_LIMIT = 10, 8
PROBABILITY_STEPS = 1000
MIN_PROBABILITY = 1 / PROBABILITY_STEPS
MAX_LOSS = 7.0  # just above the loss at the minimum probability
BARS_WIDTH, PLOT_HEIGHT = 150, 140  # pixels
POINT, MARK = 11, 8


class CrossEntropyPanel(QGroupBox):
    """Moving a logit changes the probability of the true class; moving that changes the true class's logit."""

    def __init__(self) -> None:
        super().__init__("Cross-entropy")
        self.setObjectName("cross_entropy_panel")
        self._logits = np.zeros(len(CLASSES))
        self._true_class = 0
        self._curve, self._bars = LossCurve(), GradientBars()
        self._loss_text = QLabel()
        self._loss_text.setObjectName("cross_entropy_value")
        # As wide as its longest text in bold, so that the slider beside it keeps its length.
        longest = "loss = -ln 0.0001234 = 00.0000 nats  "
        self._loss_text.setMinimumWidth(self._loss_text.fontMetrics().horizontalAdvance(longest))
        self._make_controls()
        self._arrange()
        self._probability.setValue(round(PROBABILITIES[0] * PROBABILITY_STEPS))

    def _make_controls(self) -> None:
        self._probability = _slider("true_probability", "Probability of the true class", 1, PROBABILITY_STEPS - 1)
        self._probability.valueChanged.connect(lambda value: self._choose_probability(value / PROBABILITY_STEPS))
        self._choices = QButtonGroup(self)
        self._sliders: list[QSlider] = []
        self._numbers: list[tuple[QLabel, ...]] = []
        limit = LOGIT_LIMIT * LOGIT_STEPS
        for position, name in enumerate(CLASSES):
            choice = QRadioButton(name)
            choice.setObjectName(f"true_class_{name}")
            choice.setChecked(position == self._true_class)
            self._choices.addButton(choice, position)
            slider = _slider(f"logit_{name}", f"Logit of {name}", -limit, limit)
            slider.valueChanged.connect(lambda value, position=position: self._choose_logit(position, value))
            self._sliders.append(slider)
            self._numbers.append(tuple(_number(f"{what}_{name}") for what in ("z", "p", "gradient")))
        self._choices.idClicked.connect(self._choose_true_class)

    def _choose_probability(self, probability: float) -> None:
        """Set the true class's logit to the one of this probability, given the others."""
        others = np.delete(self._logits, self._true_class)
        odds = math.log(probability / (1 - probability))
        self._logits[self._true_class] = odds + np.logaddexp.reduce(others)
        self._show()

    def _choose_logit(self, position: int, value: int) -> None:
        self._logits[position] = value / LOGIT_STEPS
        self._show()

    def _choose_true_class(self, position: int) -> None:
        self._true_class = position
        self._show()

    def _show(self) -> None:
        probabilities = softmax(self._logits)
        gradient = gradient_at_logits(self._logits, self._true_class)
        loss = cross_entropy_of_logits(self._logits, self._true_class)
        probability = float(probabilities[self._true_class])
        _set_silently(self._probability, probability * PROBABILITY_STEPS)
        rows = zip(self._sliders, self._numbers, self._logits, probabilities, gradient, strict=True)
        for slider, labels, logit, share, slope in rows:
            _set_silently(slider, logit * LOGIT_STEPS)
            for label, text in zip(labels, (f"{logit:+.2f}", f"{share:.3f}", f"{slope:+.3f}"), strict=True):
                label.setText(text)
        self._curve.show_point(probability, loss)
        self._bars.show_gradient(gradient)
        self._loss_text.setText(f"loss = -ln {probability:.4g} = <b>{loss:.4f} nats</b>")

    def _arrange(self) -> None:
        plots = QHBoxLayout()
        plots.addWidget(self._curve, 1)
        plots.addWidget(self._bars)
        above = QHBoxLayout()
        above.addWidget(QLabel("p<sub>true</sub>"))
        above.addWidget(self._probability, 1)
        above.addWidget(self._loss_text)
        column = QVBoxLayout(self)
        column.addLayout(plots, 1)
        column.addLayout(above)
        column.addWidget(self._table())

    def _table(self) -> QWidget:
        table = QWidget()
        grid = QGridLayout(table)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        for column, title in enumerate(TITLES):
            head = QLabel(title)
            head.setAlignment(Qt.AlignmentFlag.AlignRight if column > 1 else Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(head, 0, column)
        rows = zip(self._choices.buttons(), self._sliders, self._numbers, strict=True)
        for row, (choice, slider, numbers) in enumerate(rows, start=1):
            for column, widget in enumerate((choice, slider, *numbers)):
                grid.addWidget(widget, row, column)
        return table


class LossCurve(Plot):
    """-ln p over p, with a point on it and the assignment's two examples."""

    def __init__(self) -> None:
        super().__init__("cross_entropy", "Loss, -ln p", "p of the true class", "loss (nats)")
        _fix_ranges(self, (-0.02, 1.06), (-0.4, MAX_LOSS))
        p = np.linspace(MIN_PROBABILITY, 1, PROBABILITY_STEPS)
        self.plot(p, -np.log(p), pen=pg.mkPen(colour_of(0), width=1.5), antialias=True)
        self._mark_examples()
        self._point = pg.ScatterPlotItem(size=POINT, brush=colour_of(3), pen=None)
        self.addItem(self._point)

    def show_point(self, probability: float, loss: float) -> None:
        """Move the point; one above the plot is drawn at its edge."""
        self._point.setData([probability], [min(loss, MAX_LOSS)])

    def _mark_examples(self) -> None:
        losses, colour = [cross_entropy(probability) for probability in PROBABILITIES], colour_of(2)
        self.addItem(pg.ScatterPlotItem(PROBABILITIES, losses, size=MARK, brush=None, pen=pg.mkPen(colour, width=1.5)))
        lines = (f"○ p = {p:g}: {loss:.4f} nats" for p, loss in zip(PROBABILITIES, losses, strict=True))
        text = pg.TextItem("\n".join(lines), color=colour, anchor=(1, 0))
        text.setPos(1, MAX_LOSS)
        self.addItem(text)


class GradientBars(Plot):
    """p - y, one bar per class.

    A step against the gradient raises the logit of the true class in proportion to 1 - p and lowers each other logit
    in proportion to its p.
    """

    def __init__(self) -> None:
        super().__init__("logit_gradient", "Gradient, p - y", " ", "")
        _fix_ranges(self, (-0.6, len(CLASSES) - 0.4), (-1.2, 1.2))
        self.setFixedWidth(BARS_WIDTH)
        self.getPlotItem().getAxis("left").setWidth(30)
        self.getPlotItem().getAxis("left").setTicks([[(-1, "-1"), (0, "0"), (1, "1")]])
        self.getPlotItem().getAxis("bottom").setTicks([list(enumerate(CLASSES))])
        self._items = pg.BarGraphItem(x=range(len(CLASSES)), height=0, width=0.6, brush=colour_of(0), pen=None)
        self.addItem(self._items)

    def show_gradient(self, gradient: np.ndarray) -> None:
        """Draw ``gradient``, float [classes]."""
        self._items.setOpts(height=gradient)


def _fix_ranges(plot: Plot, x: tuple[float, float], y: tuple[float, float]) -> None:
    plot.setMouseEnabled(x=False, y=False)
    plot.setXRange(*x, padding=0)
    plot.setYRange(*y, padding=0)
    plot.setMinimumHeight(PLOT_HEIGHT)
    plot.show_values(True)


def _slider(name: str, title: str, low: int, high: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setObjectName(name)
    slider.setAccessibleName(title)
    slider.setToolTip(title)
    slider.setRange(low, high)
    return slider


def _set_silently(slider: QSlider, value: float) -> None:
    """Set a slider without signals; a value beyond its range is displayed at its end but not changed."""
    blocked = slider.blockSignals(True)
    slider.setValue(round(value))
    slider.blockSignals(blocked)


def _number(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    label.setMinimumWidth(label.fontMetrics().horizontalAdvance("+00.000"))
    return label
