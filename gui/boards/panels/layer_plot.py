"""A quantity of every layer over the steps: one curve per layer, coloured by depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent

from engine.utils.arrays import Array
from gui.boards.panels.layer_line import LayerLine
from gui.boards.panels.run_chooser import RunChooser
from gui.observations.diagnosis import rows_of
from gui.observations.experiment import Observations
from gui.observations.run import LAYER_FIELDS, RunObservation
from gui.observations.variant import VariantObservation
from gui.plots.curves.decimation import Frame
from gui.plots.plot import Plot
from gui.plots.ranges import decades, round_range
from gui.utils.painting import depth_colours
from gui.utils.theme import muted

AXIS_WIDTH = 66  # pixels, fits 0.0001 beside the axis label
RECORD_GROWTH = 1.01  # factor by which the records must grow before redrawing: 1 % moves no curve visibly
PERCENT = 100.0
MIN_PERCENT_TOP = 10.0  # minimum upper end of a percentage axis


@dataclass(frozen=True)
class LayerQuantity:
    """The quantity of each layer or activation that a plot shows.

    Attributes:
        quantity: one of the observations' ``LAYER_FIELDS`` or ``ACTIVATION_FIELDS``.
        deviation: quantity that gives the half-width of a band; None for no band.
        of_units: whether to draw it as percentage of the layer's units.
        rule: value marked by a line; None for no line.
        rule_tip: tool tip of that line.
    """

    name: str
    title: str
    y: str
    quantity: str
    tip: str
    logarithmic: bool = False
    deviation: str | None = None
    of_units: bool = False
    rule: float | None = None
    rule_tip: str = ""


class LayerPlot(Plot):
    """Draws ``shown`` of the run chosen in ``chooser``, or the mean over all runs.

    A double click resets the zoom.
    """

    def __init__(self, shown: LayerQuantity, chooser: RunChooser) -> None:
        super().__init__(shown.name, shown.title, "step", shown.y)
        self.shown, self._chooser = shown, chooser
        self.setToolTip(shown.tip)
        self._lines: dict[str, LayerLine] = {}
        self._observations = Observations()
        self._drawn: tuple[object, ...] = ()
        self._drawn_records = 0
        self._lines_key: object = None  # variant, run and names of the lines
        self._follows = True
        item, view = self.getPlotItem(), self.getViewBox()
        item.disableAutoRange()
        item.setLogMode(y=shown.logarithmic)
        item.getAxis("left").setWidth(AXIS_WIDTH)
        view.sigRangeChangedManually.connect(self._stop_following)
        for changed in (view.sigRangeChanged, view.sigResized):
            changed.connect(self._draw)

    @property
    def names(self) -> tuple[str, ...]:
        """The drawn layers or activations."""
        return tuple(self._lines)

    def line(self, name: str) -> LayerLine:
        """Return the line of a layer or activation."""
        return self._lines[name]

    def begin(self, observations: Observations) -> None:
        """Clear the curves and set up for a new plan."""
        self._observations = observations
        self._chooser.begin(observations)
        self.forget()

    def forget(self) -> None:
        """Clear the curves, so that the next refresh redraws everything."""
        self.getPlotItem().clear()
        self._lines, self._drawn, self._drawn_records = {}, (), 0
        self._follows = True
        self.show_values(False)

    def refresh(self, _observations: Observations) -> None:
        """Draw visible changes since the last call."""
        variant, run = self._chooser.variant, self._chooser.run
        if variant is None or not self._is_due(variant, run):
            return
        names, steps, values = layer_values(variant, run, self.shown.quantity)
        known = self._prepare_lines(names, variant, run)
        if not names:
            return
        if self.shown.of_units:
            units = next(each.units for each in variant.runs if each.units)
            values = PERCENT * values / np.array(units)[:, np.newaxis]
        deviations = [None] * len(names)
        if self.shown.deviation is not None:
            deviations = list(layer_values(variant, run, self.shown.deviation)[2])
        for line, row, deviation in zip(self._lines.values(), values, deviations, strict=True):
            if variant.is_logged:  # each layer through its own points
                logged = ~np.isnan(row)
                line.update(steps[logged], row[logged], None if deviation is None else deviation[logged], 0)
            else:
                line.update(steps, row, deviation, known)
        if self._follows:
            self._fit(variant)
        self._draw()

    def show_variant(self, name: str, visible: bool) -> None:
        """Do nothing: the plot shows the chosen variant, whether or not it is hidden elsewhere."""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Reset the zoom."""
        self._follows, self._drawn = True, ()
        self.refresh(self._observations)
        super().mouseDoubleClickEvent(event)

    def _is_due(self, variant: VariantObservation, run: RunObservation | None) -> bool:
        """Whether another run was chosen, a run has ended, or enough records were added to be visible."""
        runs = variant.runs if run is None else [run]
        records = sum(len(each.steps) for each in runs)
        key = (variant, run, sum(each.status.is_final for each in runs), sum(each.generation for each in runs))
        if key == self._drawn and records < max(RECORD_GROWTH * self._drawn_records, self._drawn_records + 1):
            return False
        if key[:2] != self._drawn[:2]:
            self._follows, self._drawn_records = True, 0
        self._drawn, self._drawn_records = key, records
        return True

    def _prepare_lines(self, names: tuple[str, ...], variant: VariantObservation, run: RunObservation | None) -> int:
        """Create a line for each of ``names`` if needed; return the number of unchanged records."""
        whose = (variant, run, names)
        if whose != self._lines_key or names != self.names:
            self._lines_key = whose
            self._make_lines(names)
            return 0
        # A mean over several runs can change at any record.
        alone = run is not None or len(variant.runs) == 1
        return len(next(iter(self._lines.values())).data[0]) if alone and names else 0

    def _make_lines(self, names: tuple[str, ...]) -> None:
        self.getPlotItem().clear()
        colours = depth_colours(len(names), self.palette())
        self._lines = {name: LayerLine(self, colour) for name, colour in zip(names, colours, strict=True)}
        self.show_values(bool(names))
        if names and self.shown.rule is not None:
            self._mark_rule(self.shown.rule)

    def _draw(self, *_changed: object) -> None:
        view = self.getViewBox()
        (left, right), (bottom, top) = view.viewRange()
        frame = Frame(
            (left, right), (bottom, top), view.width(), view.height(), False, self.shown.logarithmic, even=True
        )
        for line in self._lines.values():
            line.draw(frame)

    def _mark_rule(self, rule: float) -> None:
        colour = muted(self.palette())
        line = pg.InfiniteLine(
            np.log10(rule) if self.shown.logarithmic else rule,
            angle=0,
            pen=pg.mkPen(colour, style=Qt.PenStyle.DashLine),
            label=f"rule of thumb {rule:g}",
            labelOpts={"position": 0.98, "color": colour, "anchors": [(1, 0), (1, 0)]},  # below the line
        )
        line.setToolTip(self.shown.rule_tip)
        self.addItem(line, ignoreBounds=True)

    def _fit(self, variant: VariantObservation) -> None:
        """Show all values and the rule between round numbers; percentages at least up to ``MIN_PERCENT_TOP``."""
        found = [bounds for line in self._lines.values() if (bounds := line.bounds(self.shown.logarithmic)) is not None]
        if not found:
            return
        if self.shown.rule is not None:
            found.append((self.shown.rule, self.shown.rule))
        if self.shown.of_units:
            found.append((0.0, MIN_PERCENT_TOP))
        fitting = decades if self.shown.logarithmic else round_range
        self.setYRange(*fitting(min(low for low, _ in found), max(high for _, high in found)), padding=0)
        self.setXRange(0, max(self._last_step(run) for run in variant.runs), padding=0.02)

    def _last_step(self, run: RunObservation) -> float:
        """Return the final step of a run; if a log doesn't tell it, a round number above those it has made."""
        planned, reached = run.final_step, run.steps[-1] if run.planned.is_logged and run.steps else 0.0
        return planned if planned >= max(reached, 1) else round_range(0, max(reached, 1.0))[1]

    def _stop_following(self) -> None:
        """Keep the range to which the user zoomed or panned until another run is chosen."""
        self._follows = False


def layer_values(
    variant: VariantObservation, run: RunObservation | None, quantity: str
) -> tuple[tuple[str, ...], Array, Array]:
    """Return a quantity of every layer or activation of a run, or its means over all runs.

    Returns:
        Names, steps, float64 [records], and values, float64 [layers or activations, records]. All are empty if no
        finite value was recorded, as for some quantities in runs of an older store.
    """
    if run is None:
        names, steps, values = variant.mean_layers(quantity)
    else:
        names = run.layers if quantity in LAYER_FIELDS else run.activations
        steps, values = np.array(run.steps), rows_of(run.layer_curves.get(quantity, ()))
    if not np.isfinite(values).any():
        return (), steps[:0], np.empty((0, 0))
    return names, steps[: values.shape[1]], values
