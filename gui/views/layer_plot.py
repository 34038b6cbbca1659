"""A number of every layer over the steps: one curve a layer, coloured by depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QMouseEvent, QPen

from engine.arrays import Array
from gui.observations import OF_LAYERS, Observations, RunObservation, VariantObservation
from gui.run_curves import rows_of
from gui.theme import muted
from gui.views.depth_colours import depth_colours
from gui.views.plot import Plot
from gui.views.ranges import decades, round_range
from gui.views.run_chooser import RunChooser

LINE_WIDTH = 1.5
BAND_ALPHA = 45  # of 255
BAND_POINTS = 400  # an outline is filled at every repaint and is not thinned by the plot
AXIS_WIDTH = 66  # room for 0.0001 beside the axis' name
LEAST_NEWS = 1.01  # records there must be for each drawn before: a hundredth more moves no curve visibly
PERCENT = 100.0
LEAST_PERCENT = 10.0  # that a share's axis reaches to


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
        self._lines: dict[str, pg.PlotDataItem] = {}
        self._bands: dict[str, pg.PlotCurveItem] = {}
        self._observations = Observations()
        self._drawn: tuple[object, ...] = ()
        self._drawn_records = 0
        self._follows = True
        self.getPlotItem().setLogMode(y=shown.logarithmic)
        self.getPlotItem().getAxis("left").setWidth(AXIS_WIDTH)
        self.getViewBox().sigRangeChangedManually.connect(self._stop_following)

    @property
    def names(self) -> tuple[str, ...]:
        """The layers or activations that are drawn."""
        return tuple(self._lines)

    def begin(self, observations: Observations) -> None:
        """Forget the curves of the plan before."""
        self._observations = observations
        self._chooser.begin(observations)
        self.forget()

    def forget(self) -> None:
        """Draw everything anew at the next refresh."""
        self.getPlotItem().clear()
        self._lines, self._bands, self._drawn, self._drawn_records = {}, {}, (), 0
        self._follows = True
        self.show_values(False)

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed visibly since the last call."""
        variant, run = self._chooser.variant, self._chooser.run
        if variant is None or not self._has_news(variant, run):
            return
        names, steps, values = layer_values(variant, run, self.shown.quantity)
        if not values.size:
            self._show_lines((), variant)
            return
        self._show_lines(names, variant)
        values = self._in_units(values, variant)
        for line, row in zip(self._lines.values(), values, strict=True):
            line.setData(steps, row)
        low, high = values, values
        if self.shown.deviation is not None:
            _, _, deviations = layer_values(variant, run, self.shown.deviation)
            low, high = values - deviations, values + deviations
            for band, *edges in zip(self._bands.values(), low, high, strict=True):
                band.setData(*outline(steps, *edges))
        if self._follows:
            self._fit(low, high)

    def show_variant(self, name: str, visible: bool) -> None:
        """The plot shows the chosen variant, whatever others are hidden."""

    def curve_data(self, name: str) -> tuple[Array, Array]:
        """Steps and values that the curve of a layer shows, for whoever reads the plot."""
        steps, values = self._lines[name].getOriginalDataset()
        return np.asarray(steps), np.asarray(values)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show all again."""
        self._follows, self._drawn = True, ()
        self.refresh(self._observations)
        super().mouseDoubleClickEvent(event)

    def _has_news(self, variant: VariantObservation, run: RunObservation | None) -> bool:
        """Whether another run was chosen, or records enough came to be seen; the last ones of a run always do."""
        runs = variant.runs if run is None else [run]
        records = sum(len(each.steps) for each in runs)
        key = (variant, run, sum(each.status.is_final for each in runs))
        if key == self._drawn and records < max(LEAST_NEWS * self._drawn_records, self._drawn_records + 1):
            return False
        if key[:2] != self._drawn[:2]:
            self._follows = True
        self._drawn, self._drawn_records = key, records
        return True

    def _in_units(self, values: Array, variant: VariantObservation) -> Array:
        if self.shown.of_units:
            units = next(run.units for run in variant.runs if run.units)
            values = PERCENT * values / np.array(units)[:, np.newaxis]
        if self.shown.logarithmic:
            values = np.where(values > 0, values, np.nan)
        return values

    def _show_lines(self, names: tuple[str, ...], variant: VariantObservation) -> None:
        """A line, and where it belongs a band, for each of ``names``."""
        if names == self.names:
            return
        self.getPlotItem().clear()
        colours = depth_colours(len(names), self.palette())
        self._bands = {}
        if self.shown.deviation is not None:
            self._bands = {name: self._band(colour) for name, colour in zip(names, colours, strict=True)}
        self._lines = {name: self._line(colour) for name, colour in zip(names, colours, strict=True)}
        self.show_values(bool(names))
        if names:
            self._mark_rule()
            self.setXRange(0, max(run.planned.total_steps for run in variant.runs), padding=0.02)

    def _line(self, colour: QColor) -> pg.PlotDataItem:
        pen = pg.mkPen(colour, width=LINE_WIDTH)
        return self.plot(pen=pen, antialias=True, connect="finite")

    def _band(self, colour: QColor) -> pg.PlotCurveItem:
        shade = QColor(colour)
        shade.setAlpha(BAND_ALPHA)
        band = pg.PlotCurveItem(pen=QPen(Qt.PenStyle.NoPen), brush=shade, fillLevel="enclosed")
        self.addItem(band)
        return band

    def _mark_rule(self) -> None:
        if self.shown.rule is None:
            return
        colour = muted(self.palette())
        line = pg.InfiniteLine(
            np.log10(self.shown.rule) if self.shown.logarithmic else self.shown.rule,
            angle=0,
            pen=pg.mkPen(colour, style=Qt.PenStyle.DashLine),
            label=f"rule of thumb {self.shown.rule:g}",
            labelOpts={"position": 0.98, "color": colour, "anchors": [(1, 0), (1, 0)]},  # under the line
        )
        line.setToolTip(self.shown.rule_tip)
        self.addItem(line, ignoreBounds=True)

    def _fit(self, low: Array, high: Array) -> None:
        """Show all values, and the rule, between round numbers; of shares the first percents, though none be there."""
        at_least = [self.shown.rule] if self.shown.rule is not None else [0.0, LEAST_PERCENT] * self.shown.of_units
        both = np.concatenate([low.ravel(), high.ravel(), at_least])
        both = both[np.isfinite(both)]
        if len(both):
            fitting = decades if self.shown.logarithmic else round_range
            self.setYRange(*fitting(float(both.min()), float(both.max())), padding=0)

    def _stop_following(self) -> None:
        """The user has zoomed or moved: the plot stays there until another run is chosen."""
        self._follows = False


def layer_values(
    variant: VariantObservation, run: RunObservation | None, quantity: str
) -> tuple[tuple[str, ...], Array, Array]:
    """Names, steps float64 [records], and values [layers or activations, records] of a run, or means over all runs.

    Runs of an older store have no numbers for some quantities: no values then.
    """
    if run is None:
        names, steps, values = variant.mean_layers(quantity)
    else:
        names = run.layers if quantity in OF_LAYERS else run.activations
        steps, values = np.array(run.steps), rows_of(run.layer_curves.get(quantity, ()))
    return names[: len(values)], steps[: values.shape[1]] if values.size else steps[:0], values


def outline(steps: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """The outline of a band, to and fro, of at most :data:`BAND_POINTS` points a side; gaps are left out."""
    stride = max(1, -(-len(steps) // BAND_POINTS))
    known = np.isfinite(low) & np.isfinite(high)
    x, low, high = (values[known][::stride] for values in (steps, low, high))
    return np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]])
