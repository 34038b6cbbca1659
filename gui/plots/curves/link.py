"""What the curve plots of a board share: the options, the horizontal range, the cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from gui.plots.curves.options import CurveOptions, Horizontal
from gui.plots.ranges import round_range

PADDING = 0.02  # of the range, on each side


class LinkedPlot(Protocol):
    """What a link asks of its plots; x is in the axis' units, a logarithm where it is logarithmic."""

    def extent(self) -> tuple[float, float] | None:
        """Least and greatest x to make room for, before logarithms; None where there is nothing."""

    def show_x_range(self, low: float, high: float) -> None:
        """Show this range, without telling the link."""

    def show_cursor(self, x: float | None, boxed: bool) -> None:
        """Show a line at ``x``, or none; ``boxed``: with the values there."""

    def use_options(self, options: CurveOptions) -> None:
        """Draw by these options from now on."""

    def fit_vertically(self) -> None:
        """Show all values, now and as they come."""


class CurveLink:
    """Keeps plots at the same horizontal range: the whole plan, until a user zooms or moves one of them."""

    def __init__(self, plots: Sequence[LinkedPlot]) -> None:
        self._plots = plots
        self._experiment: int | None = None
        self._shown: tuple[float, float] | None = None
        self.options = CurveOptions()
        self.follows = True

    def use(self, options: CurveOptions) -> None:
        """Draw all plots by these options. Another axis is shown as a whole."""
        if (options.horizontal, options.logarithmic) != (self.options.horizontal, self.options.logarithmic):
            self.follows, self._shown = True, None
            self.move_cursor(None, None)
        self.options = options
        for plot in self._plots:
            plot.use_options(options)
        self.follow()

    def begin(self, experiment: int | None) -> None:
        """An experiment begins, or its plan grew: then a zoom stays."""
        if experiment != self._experiment:
            self._experiment, self.follows = experiment, True
        self._shown = None

    def choose(self, source: LinkedPlot, low: float, high: float) -> None:
        """The user has zoomed or moved ``source``: all others do the same, and stay there."""
        self.follows, self._shown = False, None
        for plot in self._plots:
            if plot is not source:
                plot.show_x_range(low, high)

    def reset(self) -> None:
        """Show everything again, in every plot."""
        self.follows, self._shown = True, None
        self.follow()
        for plot in self._plots:
            plot.fit_vertically()

    def follow(self) -> None:
        """Show the whole range, unless the user has chosen another."""
        wanted = self._whole() if self.follows else None
        if wanted is not None and wanted != self._shown:
            self._shown = wanted
            for plot in self._plots:
                plot.show_x_range(*wanted)

    def move_cursor(self, source: LinkedPlot | None, x: float | None) -> None:
        """Show the line at ``x`` in all plots, or in none; the values in ``source``."""
        for plot in self._plots:
            plot.show_cursor(x, boxed=plot is source)

    def _whole(self) -> tuple[float, float] | None:
        extents = [extent for plot in self._plots if (extent := plot.extent()) is not None]
        if not extents:
            return None
        low, high = min(low for low, _ in extents), max(high for _, high in extents)
        if self.options.horizontal is Horizontal.TIME:
            high = round_range(0, high)[1]  # which is unknown until the end, and should change seldom
        if self.options.logarithmic:
            low, high = math.log10(low), math.log10(max(high, 1.1 * low))
        else:
            low = 0.0
        margin = PADDING * (high - low)
        return low - margin, high + margin
