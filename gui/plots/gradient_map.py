"""Gradient norm of every layer over the steps as a heat map, which shows vanishing gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QFont, QFontMetricsF, QPalette, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.networks.architectures import layers_of
from engine.networks.layers import flattened
from engine.utils.arrays import Array
from gui.observations.experiment import Observations
from gui.observations.variant import VariantObservation
from gui.plots.plot import Plot

COLOUR_MAP = "magma"
MIN_NORM = 1e-9  # smaller norms are not distinguished
ROW_NAME_PIXELS = 8  # two variants of cnn_5 make fifteen rows
LEAST_NAMES_WIDTH, NAMES_MARGIN = 96, 6
MAX_GROUPED = 3  # variants of one architecture in one map; rows of more could not be read
ROW_GAP = 1  # empty rows between two variants
MAX_COLUMNS = 2000  # more than the pixels of any screen; of more records every second, third, ... is drawn


class GradientMap(QWidget):
    """One row per layer, first layer on top, one column per record; variants of one architecture are stacked.

    All share one logarithmic scale, which the colour bar shows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("gradient_map")
        self._architecture = QComboBox()
        self._architecture.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._architecture.setObjectName("gradient_map_architecture")
        self._architecture.setAccessibleName("Architecture whose gradients are shown")
        self._architecture.setToolTip("Architecture whose gradients are shown")
        self._architecture.currentIndexChanged.connect(self._architecture_chosen)
        self._user_chose = False  # whether the user has chosen
        self._plot = _MapPlot()
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._observations = Observations()
        self._drawn: object = None
        top = QHBoxLayout()
        top.setContentsMargins(6, 2, 6, 0)
        title = QLabel("Gradient norm of every layer")
        top.addStretch()
        top.addWidget(title)
        top.addWidget(self._architecture)
        top.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self._plot, 1)

    def begin(self, observations: Observations) -> None:
        """Offer the architectures of a new plan and choose the deepest one that has records, or else the deepest."""
        self._observations, self._drawn, self._user_chose = observations, None, False
        self._plot.clear_map()
        names = dict.fromkeys(self._list_entry(variant) for variant in observations.variants.values())
        self._architecture.blockSignals(True)
        self._architecture.clear()
        self._architecture.addItems(list(names))
        self._architecture.blockSignals(False)
        self._choose_deepest()

    def _choose_deepest(self) -> None:
        variants = list(self._observations.variants.values())
        deepest = max(
            [variant for variant in variants if _has_records(variant)] or variants,
            key=lambda variant: sum(1 for _ in flattened(layers_of(variant.runs[0].planned.trained_spec.architecture))),
        )
        self._architecture.blockSignals(True)
        self._architecture.setCurrentText(self._list_entry(deepest))
        self._architecture.blockSignals(False)

    def _list_entry(self, variant: VariantObservation) -> str:
        """Return a variant's entry in the list: its architecture, or its own name if that has too many variants."""
        name = _architecture(variant.name)
        same = sum(_architecture(other) == name for other in self._observations.variants)
        return name if same <= MAX_GROUPED else variant.name

    def refresh(self, observations: Observations) -> None:
        """Draw the map of the chosen architecture if it has changed."""
        shown = self._shown(observations)
        if shown and not self._user_chose and all(map(_ended_without_records, shown)):
            self._choose_deepest()
            shown = self._shown(observations)
        state = (self._architecture.currentText(), [variant.changes for variant in shown])
        if shown and state != self._drawn:
            self._drawn = state
            self._plot.show_variants(shown)

    def show_variant(self, _name: str, _visible: bool) -> None:
        """Do nothing: the map has a selection of its own."""

    def _architecture_chosen(self) -> None:
        self._user_chose = True
        self.refresh(self._observations)

    def _shown(self, observations: Observations) -> list[VariantObservation]:
        chosen = self._architecture.currentText()
        return [variant for variant in observations.variants.values() if self._list_entry(variant) == chosen]


class _MapPlot(Plot):
    """The map with its axes and colour bar."""

    def __init__(self) -> None:
        super().__init__("gradient_map_plot", "", "", "")
        item = self.getPlotItem()
        item.setTitle(None)
        item.showGrid(x=False, y=False)
        item.layout.setContentsMargins(1, 8, 1, 1)
        self._font = QFont()
        self._font.setPixelSize(ROW_NAME_PIXELS)
        self._names: list[str] = []  # one a row; empty between two variants
        item.getAxis("left").setTickFont(self._font)
        item.getAxis("bottom").showLabel(False)  # steps, as in the neighbouring plots; the rows need the space
        item.getAxis("left").setStyle(tickLength=0)
        item.getAxis("left").setWidth(LEAST_NAMES_WIDTH)
        item.getViewBox().invertY(True)
        item.getViewBox().setMouseEnabled(x=False, y=False)
        self._image = pg.ImageItem(axisOrder="row-major")
        self._bar = pg.ColorBarItem(colorMap=pg.colormap.get(COLOUR_MAP), interactive=False, width=12)
        self._bar.setImageItem(self._image, insert_in=item)
        self._bar.getAxis("right").setWidth(46)
        self.addItem(self._image)

    def clear_map(self) -> None:
        self._image.clear()
        self.show_values(False)

    def show_variants(self, variants: list[VariantObservation]) -> None:
        names, rows, steps = _rows(variants)
        if not len(steps):
            return
        self.show_values(True)
        logs = np.log10(np.maximum(rows, MIN_NORM))
        finite = logs[np.isfinite(logs)]
        if not len(finite):
            return
        low, high = np.floor(finite.min()), np.ceil(finite.max())
        self._image.setImage(logs, autoLevels=False)
        self._image.setRect(QRectF(0, 0, float(steps[-1]), len(names)))
        self._bar.setLevels((low, max(high, low + 1)))
        ticks = [(value, f"1e{value:.0f}") for value in np.arange(low, high + 1)]
        self._bar.getAxis("right").setTicks([ticks])
        self._names = names
        widest = max(QFontMetricsF(self._font).horizontalAdvance(name) for name in names)
        self.getPlotItem().getAxis("left").setWidth(max(LEAST_NAMES_WIDTH, round(widest) + NAMES_MARGIN))
        self._label_rows()
        self.setXRange(0, float(steps[-1]), padding=0)
        self.setYRange(0, len(names), padding=0)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Name as many rows as there is room for."""
        super().resizeEvent(event)
        if event is not None and self.getPlotItem() is not None:  # the base class calls it in its constructor
            self._label_rows()

    def _label_rows(self) -> None:
        """Name the first row of each variant, and as many more as do not overlap."""
        if not self._names:
            return
        height = self.getPlotItem().getViewBox().height() / len(self._names)
        every = max(1, math.ceil((ROW_NAME_PIXELS + 1) / max(height, 1e-3)))
        ticks = [(row + 0.5, self._names[row]) for row in _named_rows(self._names, every)]
        self.getPlotItem().getAxis("left").setTicks([ticks])


def _named_rows(names: Sequence[str], every: int) -> Iterator[int]:
    """Yield the first row of each variant, every so many of the following ones, and the last, if none is too close."""
    for named, rows in groupby(range(len(names)), key=lambda row: bool(names[row])):
        if named:
            *others, last = rows
            yield from (row for position, row in enumerate(others) if not position % every and last - row >= every)
            if last == len(names) - 1 or every <= 1 + ROW_GAP:
                yield last


def _rows(variants: list[VariantObservation]) -> tuple[list[str], Array, Array]:
    """Return the row names, gradient norms, float64 [rows, records], NaN where missing, and the steps."""
    maps = [(variant, *variant.mean_layers("gradient_norms")) for variant in variants]
    longest = max((steps for _, _, steps, _ in maps), key=len)
    every = 1 + len(longest) // MAX_COLUMNS
    steps = longest[::every]
    names: list[str] = []
    blocks: list[Array] = []
    for variant, layers, _, norms in maps:
        if not layers:
            continue
        if names:
            names += [""] * ROW_GAP
            blocks.append(np.full((ROW_GAP, len(steps)), np.nan))
        names += [f"{_suffix(variant.name)} {layer}" for layer in layers]
        block = np.full((len(layers), len(steps)), np.nan)
        thinned = norms[:, ::every]
        block[:, : thinned.shape[1]] = thinned
        blocks.append(block)
    return names, np.concatenate(blocks) if blocks else np.empty((0, 0)), steps


def _has_records(variant: VariantObservation) -> bool:
    return any(run.steps for run in variant.runs)


def _ended_without_records(variant: VariantObservation) -> bool:
    """Whether all runs ended without a record, such as when cancelled before they started."""
    return not _has_records(variant) and all(run.status.is_final for run in variant.runs)


def _architecture(variant: str) -> str:
    return variant.partition("/")[0]


def _suffix(variant: str) -> str:
    return variant.partition("/")[2]
