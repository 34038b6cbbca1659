"""A number of every layer over the steps: one curve a layer, coloured by depth."""

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
from gui.observations.run import OF_LAYERS, RunObservation
from gui.observations.variant import VariantObservation
from gui.plots.curves.decimation import Frame
from gui.plots.plot import Plot
from gui.plots.ranges import decades, round_range
from gui.utils.painting import depth_colours
from gui.utils.theme import muted

AXIS_WIDTH = 66  # room for 0.0001 beside the axis' name
RECORD_GROWTH = 1.01  # records there must be for each drawn before: a hundredth more moves no curve visibly
PERCENT = 100.0
MIN_PERCENT_TOP = 10.0  # that a share's axis reaches to


@dataclass(frozen=True)
class LayerQuantity:
    """What a plot shows of each layer or activation: one of the observations' ``OF_LAYERS`` or ``OF_ACTIVATIONS``.

    ``deviation`` names the quantity that a band reaches to each side; ``of_units`` draws the share of its units in
    percent; ``rule`` is a value marked by a line, with ``rule_tip`` to say why.
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
    """Draws ``shown`` of the run, or the mean over the runs, that ``chooser`` names.

    A double click shows all again after a zoom.
    """

    def __init__(self, shown: LayerQuantity, chooser: RunChooser) -> None:
        super().__init__(shown.name, shown.title, "step", shown.y)
        self.shown, self._chooser = shown, chooser
        self.setToolTip(shown.tip)
        self._lines: dict[str, LayerLine] = {}
        self._observations = Observations()
        self._drawn: tuple[object, ...] = ()
        self._drawn_records = 0
        self._lines_key: object = None  # the lines' variant, run and names
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
        """The layers or activations that are drawn."""
        return tuple(self._lines)

    def line(self, name: str) -> LayerLine:
        """That of a layer or activation."""
        return self._lines[name]

    def begin(self, observations: Observations) -> None:
        """Forget the curves of the plan before."""
        self._observations = observations
        self._chooser.begin(observations)
        self.forget()

    def forget(self) -> None:
        """Draw everything anew at the next refresh."""
        self.getPlotItem().clear()
        self._lines, self._drawn, self._drawn_records = {}, (), 0
        self._follows = True
        self.show_values(False)

    def refresh(self, _observations: Observations) -> None:
        """Draw what has changed visibly since the last call."""
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
            line.update(steps, row, deviation, known)
        if self._follows:
            self._fit(variant)
        self._draw()

    def show_variant(self, name: str, visible: bool) -> None:
        """The plot shows the chosen variant, whatever others are hidden."""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show all again."""
        self._follows, self._drawn = True, ()
        self.refresh(self._observations)
        super().mouseDoubleClickEvent(event)

    def _is_due(self, variant: VariantObservation, run: RunObservation | None) -> bool:
        """Whether another run was chosen, or records enough came to be seen; the last ones of a run always do."""
        runs = variant.runs if run is None else [run]
        records = sum(len(each.steps) for each in runs)
        key = (variant, run, sum(each.status.is_final for each in runs))
        if key == self._drawn and records < max(RECORD_GROWTH * self._drawn_records, self._drawn_records + 1):
            return False
        if key[:2] != self._drawn[:2]:
            self._follows, self._drawn_records = True, 0
        self._drawn, self._drawn_records = key, records
        return True

    def _prepare_lines(self, names: tuple[str, ...], variant: VariantObservation, run: RunObservation | None) -> int:
        """Make a line for each of ``names``; gives how many of its records are as they were."""
        whose = (variant, run, names)
        if whose != self._lines_key or names != self.names:
            self._lines_key = whose
            self._make_lines(names)
            return 0
        # A mean changes wherever one more run comes to be.
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
            labelOpts={"position": 0.98, "color": colour, "anchors": [(1, 0), (1, 0)]},  # under it
        )
        line.setToolTip(self.shown.rule_tip)
        self.addItem(line, ignoreBounds=True)

    def _fit(self, variant: VariantObservation) -> None:
        """Show all values, and the rule, between round numbers; of shares the first percents, though none be there."""
        found = [bounds for line in self._lines.values() if (bounds := line.bounds(self.shown.logarithmic)) is not None]
        if not found:
            return
        if self.shown.rule is not None:
            found.append((self.shown.rule, self.shown.rule))
        if self.shown.of_units:
            found.append((0.0, MIN_PERCENT_TOP))
        fitting = decades if self.shown.logarithmic else round_range
        self.setYRange(*fitting(min(low for low, _ in found), max(high for _, high in found)), padding=0)
        self.setXRange(0, max(run.planned.total_steps for run in variant.runs), padding=0.02)

    def _stop_following(self) -> None:
        """The user has zoomed or moved: the plot stays there until another run is chosen."""
        self._follows = False


def layer_values(
    variant: VariantObservation, run: RunObservation | None, quantity: str
) -> tuple[tuple[str, ...], Array, Array]:
    """Names, steps float64 [records], and values [layers or activations, records] of a run, or means over all runs.

    Runs of an older store have no numbers for some quantities: no names and no values then.
    """
    if run is None:
        names, steps, values = variant.mean_layers(quantity)
    else:
        names = run.layers if quantity in OF_LAYERS else run.activations
        steps, values = np.array(run.steps), rows_of(run.layer_curves.get(quantity, ()))
    if not np.isfinite(values).any():
        return (), steps[:0], np.empty((0, 0))
    return names, steps[: values.shape[1]], values
