"""Page with quantities of each layer: gradients, updates, activations, dead units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QWidget

from gui.boards.panels.layer_plot import LayerPlot, LayerQuantity
from gui.boards.panels.run_chooser import RunChooser
from gui.observations.experiment import Observations
from gui.utils.painting import depth_colours

if TYPE_CHECKING:
    from gui.boards.board import View

RULE_OF_THUMB = 1e-3
RULE_TIP = (
    "<p>How far one step moves a layer's weights, as a share of their size. A rule of thumb is about 0.001: far below "
    "it the learning rate may be too low, far above it too high (Stanford's CS231n, <i>Neural Networks Part 3</i>).</p>"
)
IMAGES_USED = "over the validation images looked at: all of them in the experiment on activations, else the first 500"

QUANTITIES = (
    LayerQuantity(
        "layer_gradients",
        "Gradient norm of each layer's kernel",
        "L2 norm",
        "gradient_norms",
        "<p>L2 norm of the loss gradient with respect to each layer's kernel, on the batch of the recorded step. Where "
        "the first layers lie far below the last, the gradient vanishes on its way back.</p>",
        logarithmic=True,
    ),
    LayerQuantity(
        "layer_updates",
        "Update-to-weight ratio",
        "ratio",
        "update_ratios",
        RULE_TIP,
        logarithmic=True,
        rule=RULE_OF_THUMB,
        rule_tip=RULE_TIP,
    ),
    LayerQuantity(
        "layer_activations",
        "Activations: mean ± standard deviation",
        "output",
        "activation_means",
        f"<p>Mean of what each activation gives, and a band of one standard deviation, {IMAGES_USED}. A narrow band "
        "far from 0 is an activation that says the same of every image.</p>",
        deviation="activation_deviations",
    ),
    LayerQuantity(
        "layer_dead_units",
        "Dead units: 0 for every image looked at",
        "share of units (%)",
        "dead_units",
        f"<p>Units, or channels of a convolution, that give exactly 0, {IMAGES_USED}. Their weights learn nothing from "
        "those images.</p>",
        of_units=True,
    ),
)
PLOTS_PER_ROW = 2
MAX_NAMED = 12  # names in a legend, which take a line or two; its tool tip has all
TITLES = "Layers", "Activations"  # subject of each row of plots


class LayersPage(QWidget):
    """Four plots of the chosen run, or of the mean over the runs; one colour per layer, darker towards the input.

    Layers and activations are numbered separately and share colours, so each row of plots has a legend of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("layers_page")
        self.chooser = RunChooser("layers", "Mean of all runs", "Which run is drawn, or the mean of all so far")
        self.plots = [LayerPlot(quantity, self.chooser) for quantity in QUANTITIES]
        self._legends = {title: _legend(f"{title.lower()}_legend") for title in TITLES}
        self._observations = Observations()
        self._described: tuple[str, ...] = ()
        self._arrange()
        for plot in self.plots[1:]:
            plot.setXLink(self.plots[0])
        self.chooser.chosen.connect(self._draw_all)

    def views(self) -> Sequence[View]:
        """Return the plots, which a timer draws one at a time; the page stands for the first one and the legends."""
        return [self, *self.plots[1:]]

    def begin(self, observations: Observations) -> None:
        """Offer the variants of a new plan."""
        self._observations = observations
        self.plots[0].begin(observations)
        self._update_legends()

    def refresh(self, observations: Observations) -> None:
        """Draw the first plot and the legends."""
        self.plots[0].refresh(observations)
        self._update_legends()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Redraw with the colours of a changed palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            for plot in self.plots:
                plot.forget()
            self._described = ()
            if self.isVisible():
                self._draw_all()

    def _draw_all(self) -> None:
        for plot in self.plots:
            plot.refresh(self._observations)
        self._update_legends()

    def _update_legends(self) -> None:
        """Show the names of layers and activations in their colours."""
        variant, run = self.chooser.variant, self.chooser.run
        runs = [run] if run is not None else variant.runs if variant is not None else []
        started_run = next((each for each in runs if each.started), None)
        layers, activations = (started_run.layers, started_run.activations) if started_run is not None else ((), ())
        if (*layers, *activations) == self._described:
            return
        self._described = (*layers, *activations)
        for (title, legend), names in zip(self._legends.items(), (layers, activations), strict=True):
            legend.setText(f"{title}:&ensp; {self._legend_text(names)}" if names else "")
            legend.setToolTip(f"<p>{'&ensp; '.join(self._legend_entries(names))}</p>" if names else "")

    def _legend_text(self, names: tuple[str, ...]) -> str:
        """Return the names in their colours: of a deep network the first, some between and the last."""
        entries = self._legend_entries(names)
        every = -(-len(entries) // MAX_NAMED)
        return (" … " if every > 1 else "&ensp; ").join([*entries[:-1:every], *entries[-1:]])

    def _legend_entries(self, names: tuple[str, ...]) -> list[str]:
        return [
            f"<span style='color:{colour.name()}'>■</span>&nbsp;{name}"
            for colour, name in zip(depth_colours(len(names), self.palette()), names, strict=True)
        ]

    def _arrange(self) -> None:
        of_layers, of_activations = self._legends.values()
        top = QHBoxLayout()
        top.addWidget(self.chooser)
        top.addWidget(of_layers, 1)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        grid.addLayout(top, 0, 0, 1, PLOTS_PER_ROW)
        grid.addWidget(of_activations, 2, 0, 1, PLOTS_PER_ROW)
        for position, plot in enumerate(self.plots):
            plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            row, column = 1 + 2 * (position // PLOTS_PER_ROW), position % PLOTS_PER_ROW
            grid.addWidget(plot, row, column)
            grid.setRowStretch(row, 1)
            grid.setColumnStretch(column, 1)


def _legend(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    return label
