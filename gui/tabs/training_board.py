"""The board of an experiment with runs: legend, plots, weights and the table of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from gui.observations import RunObservation
from gui.tabs.board import Board, VariantView, View
from gui.views.legend import Legend
from gui.views.run_table import RunTable
from gui.views.weight_grids import WeightGrids

PLOTS_A_ROW = 2


@dataclass(frozen=True)
class Views:
    """The plots of a board in reading order, two a row; each is a widget and a :class:`VariantView`."""

    plots: tuple[Callable[[], QWidget], ...]


class TrainingBoard(Board):
    """Draws the runs of an experiment while they train."""

    def __init__(self, views: Views) -> None:
        super().__init__()
        self._legend, self._runs, self._weights = Legend(), RunTable(), WeightGrids()
        self.plots = [make() for make in views.plots]
        variant_views = [cast(VariantView, view) for view in (*self.plots, self._weights)]
        for view in variant_views:
            self._legend.toggled.connect(view.show_variant)
        # The legend last: when a plan grows it tells the others again what is hidden.
        self._views: list[View] = [*variant_views, self._runs, self._legend]
        self._arrange()

    def views(self) -> Sequence[View]:
        """Plots, weights, table and legend."""
        return self._views

    def chosen_runs(self) -> list[RunObservation]:
        """The runs chosen in the table that are not over."""
        return [run for run in self._runs.chosen if not run.status.is_final]

    def _arrange(self) -> None:
        plots = QWidget()
        grid = QGridLayout(plots)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        grid.addWidget(self._legend, 0, 0, 1, PLOTS_A_ROW)
        for position, plot in enumerate(self.plots):
            # All alike, whatever a plot would like to have.
            plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            row, column = 1 + position // PLOTS_A_ROW, position % PLOTS_A_ROW
            grid.addWidget(plot, row, column)
            grid.setRowStretch(row, 1)
            grid.setColumnStretch(column, 1)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setObjectName("views")
        split.setChildrenCollapsible(False)
        for widget, stretch in ((plots, 5), (self._weights, 2), (self._runs, 2)):
            split.addWidget(widget)
            split.setStretchFactor(split.count() - 1, stretch)
        split.setSizes([430, 150, 130])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(split)
