"""Plots of logged runs: with a hint where nothing was logged, and of a number that the user chooses."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QLabel

from gui.observations.experiment import Observations
from gui.observations.run import UPDATE_RATIO, metric_quantity
from gui.plots.curves.curve_plot import LOG_AXIS_WIDTH, CurvePlot, Series

BOX_MARGIN = 6  # pixels around the list in the corner
BOX_LETTERS = 18  # width of the list
HINT_SHARE = 0.7  # of the plot's width
# Numbers that a run may have besides those with a plot of their own: quantity, entry of the list, label of the axis.
NUMBERS = (
    ("learning_rate", "learning rate", "learning rate"),
    (UPDATE_RATIO, "update ratio of the first layer", "ratio"),
)


class LoggedPlot(CurvePlot):
    """A curve plot that shows ``hint`` as long as none of its curves has a value."""

    def __init__(
        self, name: str, title: str, y: str, series: tuple[Series, ...], hint: str, logarithmic: bool = False
    ) -> None:
        super().__init__(name, title, y, series, logarithmic)
        self._hint = QLabel(hint, self)
        self._hint.setObjectName(f"{name}_hint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._hint.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    @property
    def has_values(self) -> bool:
        """Whether any run has a value of any of the series."""
        return any(len(curve.variant.steps_of(curve.series.quantity)) for curve in self._all())

    def begin(self, observations: Observations) -> None:
        """Clear the plot; the hint waits for the first records."""
        super().begin(observations)
        self._hint.hide()

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed, or the hint."""
        super().refresh(observations)
        has_records = any(run.has_records for run in observations.runs.values())
        self._hint.setVisible(has_records and not self.has_values)

    def _resized(self) -> None:
        """Keep the hint in the middle."""
        super()._resized()
        width = round(HINT_SHARE * self.width())
        self._hint.setGeometry((self.width() - width) // 2, 0, width, self.height())


class NumberPlot(LoggedPlot):
    """Draws the further number that is chosen in the list in its corner; names are added as they are logged."""

    def __init__(self, name: str, hint: str) -> None:
        quantity, _, y = NUMBERS[0]
        super().__init__(name, "A further number", y, (Series(quantity),), hint)
        self._title = " "  # the list is in its place
        self._restyle()
        self._box = QComboBox(self)
        self._box.setObjectName(f"{name}_quantity")
        self._box.setAccessibleName("Number drawn")
        self._box.setToolTip("Which of the logged numbers is drawn")
        self._box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._box.setMinimumContentsLength(BOX_LETTERS)
        for quantity, text, _ in NUMBERS:
            self._box.addItem(text, quantity)
        self._box.currentIndexChanged.connect(lambda _index: self._draw_chosen())

    def _use_axes(self) -> None:
        """Leave room for small numbers beside the label of the axis."""
        super()._use_axes()
        self.getPlotItem().getAxis("left").setWidth(LOG_AXIS_WIDTH)

    @property
    def quantity(self) -> str:
        """The quantity drawn."""
        return str(self._box.currentData())

    def begin(self, observations: Observations) -> None:
        """Set up for the variants of a new plan, and the numbers that they have."""
        self._offer(observations)
        super().begin(observations)

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed; a new number is offered."""
        self._offer(observations)
        super().refresh(observations)

    def _offer(self, observations: Observations) -> None:
        """List the numbers of all variants; the choice stays, as far as there is still such a number."""
        names = sorted({name for variant in observations.variants.values() for name in variant.metrics})
        wanted = [*((text, quantity) for quantity, text, _ in NUMBERS), *((n, metric_quantity(n)) for n in names)]
        if wanted == [(self._box.itemText(at), self._box.itemData(at)) for at in range(self._box.count())]:
            return
        chosen = self.quantity
        with QSignalBlocker(self._box):
            self._box.clear()
            for text, quantity in wanted:
                self._box.addItem(text, quantity)
            self._box.setCurrentIndex(max(self._box.findData(self._choice(observations, chosen)), 0))
        if self.quantity != chosen:
            self._draw_chosen()

    def _choice(self, observations: Observations, chosen: str) -> str:
        """Return what to draw: what was chosen, or a metric as long as that has not been logged."""
        variants = observations.variants.values()
        names = sorted({name for variant in variants for name in variant.metrics})
        if not names or any(len(variant.steps_of(chosen)) for variant in variants):
            return chosen
        return metric_quantity(names[0])

    def _draw_chosen(self) -> None:
        """Draw the chosen number in place of the one before."""
        text, quantity = self._box.currentText(), self.quantity
        self._series = (Series(quantity),)
        self._labels["left"] = next((y for known, _, y in NUMBERS if known == quantity), text)
        self.setAccessibleName(f"A further number: {text}")
        self._restyle()
        if self._observations is not None:
            super().begin(self._observations)
            super().refresh(self._observations)
            self.fit_vertically()
            self._draw(self._all())

    def _resized(self) -> None:
        """Keep the list in the corner."""
        super()._resized()
        self._box.adjustSize()
        self._box.move(self.width() - self._box.width() - BOX_MARGIN, BOX_MARGIN)
