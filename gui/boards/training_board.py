"""The board of an experiment with runs: legend, plots, weights and the table of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from gui.boards.board import Board, VariantView, View
from gui.boards.panels.findings import FindingsToggle
from gui.boards.panels.layers_page import LayersPage
from gui.boards.panels.pages import Page, Pages
from gui.boards.panels.run_table import RunTable
from gui.boards.panels.test_page import TestPage
from gui.boards.panels.weight_grids import WeightGrids
from gui.observations.run import RunObservation
from gui.observations.weight_history import WeightSource
from gui.plots.curves.curve_plot import CurvePlot
from gui.plots.curves.legend import Legend
from gui.plots.curves.link import CurveLink
from gui.plots.curves.options import load_logarithmic, save_logarithmic
from gui.plots.curves.toolbar import CurveToolbar
from gui.plots.plot import Plot
from gui.widgets.factories import splitter

PLOTS_PER_ROW = 2
MIN_PLOT_LINES = 7  # minimum height of a plot in lines of text: a lower one could not be read, so the board scrolls


@dataclass(frozen=True)
class Views:
    """The plots of a board in reading order, two per row; each is a widget and a ``VariantView``."""

    plots: tuple[Callable[[], QWidget], ...]


class TrainingBoard(Board):
    """Shows the runs of an experiment while they train."""

    def __init__(self, views: Views) -> None:
        super().__init__()
        self._legend, self._runs, self._weights = Legend(), RunTable(), WeightGrids()
        self.plots = [make() for make in views.plots]
        variant_views = [cast(VariantView, view) for view in (*self.plots, self._weights)]
        for view in variant_views:
            self._legend.toggled.connect(view.show_variant)
        for plot in self.plots:
            if isinstance(plot, Plot):
                self._legend.highlighted.connect(plot.highlight_variant)
        self._bar = CurveToolbar()
        self._link_curves()
        self._layers, self._tested, self._findings = LayersPage(), TestPage(), FindingsToggle()
        self._pages = Pages(self._make_pages(), self._findings, self._findings.list)
        self._findings.highlighted.connect(self._highlight)
        self._weights.failed.connect(self.failed.emit)
        # The legend last: when a plan grows, it reapplies to the others which variants are hidden.
        self._views: list[View] = [*self._pages.views(), self._weights, self._runs, self._findings, self._legend]
        self._arrange()

    def views(self) -> Sequence[View]:
        """Return plots, weights, table and legend."""
        return self._views

    def use_weight_source(self, source: WeightSource) -> None:
        """Set the source of weights of earlier steps."""
        self._weights.use_weight_source(source)

    def chosen_runs(self) -> list[RunObservation]:
        """Return the runs selected in the table that have not ended."""
        return [run for run in self._runs.chosen if not run.status.is_final]

    def _link_curves(self) -> None:
        """Make all curve plots share options, horizontal range and cursor."""
        curves = [plot for plot in self.plots if isinstance(plot, CurvePlot)]
        self._link = CurveLink(curves)
        for plot in curves:
            plot.link = self._link
            plot.use_logarithmic(load_logarithmic(plot.objectName(), plot.is_logarithmic))
            plot.logarithmic_chosen.connect(partial(save_logarithmic, plot.objectName()))
        self._bar.changed.connect(self._link.use)
        self._bar.changed.connect(self._legend.describe)
        self._bar.reset_requested.connect(self._link.reset)
        self._link.use(self._bar.options)
        self._legend.describe(self._bar.options)

    def _make_pages(self) -> list[Page]:
        curves = [cast(View, plot) for plot in self.plots]
        return [
            Page("Curves", "How every variant learns", self._curves_page(), curves),
            Page("Layers", "What goes on in each layer of a network", self._layers, self._layers.views()),
            Page("Test", "Confusions and mistakes on the test images", self._tested, [self._tested]),
        ]

    def _highlight(self, variant: str | None) -> None:
        """Highlight ``variant`` in the plots and select it on every page."""
        for plot in self.plots:
            if isinstance(plot, Plot):
                plot.highlight_variant(variant)
        if variant is not None:
            self._layers.chooser.choose(variant)
            self._tested.chooser.choose(variant)

    def _curves_page(self) -> QWidget:
        plots = QWidget()
        grid = QGridLayout(plots)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        for row, widget in enumerate((self._bar, self._legend)):
            grid.addWidget(widget, row, 0, 1, PLOTS_PER_ROW)
        for position, plot in enumerate(self.plots):
            # All of the same size, whatever their size hints.
            plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            plot.setMinimumHeight(MIN_PLOT_LINES * self.fontMetrics().lineSpacing())
            row, column = 2 + position // PLOTS_PER_ROW, position % PLOTS_PER_ROW
            grid.addWidget(plot, row, column)
            grid.setRowStretch(row, 1)
            grid.setColumnStretch(column, 1)
        return plots

    def _arrange(self) -> None:
        split = splitter("views", (self._pages, 5, 430), (self._weights, 2, 150), (self._runs, 2, 130))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        area = QScrollArea()
        area.setObjectName("board_area")
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(split)
        layout.addWidget(area)
