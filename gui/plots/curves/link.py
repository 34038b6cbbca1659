"""State shared by the curve plots of a board: options, horizontal range, cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from gui.plots.curves.options import CurveOptions, Horizontal
from gui.plots.ranges import round_range

PADDING = 0.02  # of the range, on each side


class LinkedPlot(Protocol):
    """Interface of linked plots; x is in the axis' unit, a logarithm if the axis is logarithmic."""

    def extent(self) -> tuple[float, float] | None:
        """Return the minimum and maximum x to show, before logarithms; None if there is nothing."""

    def show_x_range(self, low: float, high: float) -> None:
        """Show a range without notifying the link."""

    def show_cursor(self, x: float | None, boxed: bool) -> None:
        """Show a line at ``x``, or hide it; ``boxed`` adds the values there."""

    def use_options(self, options: CurveOptions) -> None:
        """Apply drawing options."""

    def fit_vertically(self) -> None:
        """Show all values and follow new ones."""


class CurveLink:
    """Keeps plots at the same horizontal range: the whole plan, until the user zooms or pans one of them."""

    def __init__(self, plots: Sequence[LinkedPlot]) -> None:
        self._plots = plots
        self._experiment: int | None = None
        self._shown: tuple[float, float] | None = None
        self.options = CurveOptions()
        self.follows = True

    def use(self, options: CurveOptions) -> None:
        """Apply drawing options to all plots; a change of the horizontal axis resets its range."""
        if (options.horizontal, options.logarithmic) != (self.options.horizontal, self.options.logarithmic):
            self.follows, self._shown = True, None
            self.move_cursor(None, None)
        self.options = options
        for plot in self._plots:
            plot.use_options(options)
        self.follow()

    def begin(self, experiment: int | None) -> None:
        """Start an experiment; if only its plan grew, the zoom is kept."""
        if experiment != self._experiment:
            self._experiment, self.follows = experiment, True
        self._shown = None

    def choose(self, source: LinkedPlot, low: float, high: float) -> None:
        """Apply the range to which the user zoomed or panned ``source`` to all other plots, and stop following."""
        self.follows, self._shown = False, None
        for plot in self._plots:
            if plot is not source:
                plot.show_x_range(low, high)

    def reset(self) -> None:
        """Reset the zoom of every plot."""
        self.follows, self._shown = True, None
        self.follow()
        for plot in self._plots:
            plot.fit_vertically()

    def follow(self) -> None:
        """Show the whole range, unless the user has chosen one."""
        wanted = self._whole() if self.follows else None
        if wanted is not None and wanted != self._shown:
            self._shown = wanted
            for plot in self._plots:
                plot.show_x_range(*wanted)

    def move_cursor(self, source: LinkedPlot | None, x: float | None) -> None:
        """Show the cursor at ``x`` in all plots, with the values in ``source``; None hides it."""
        for plot in self._plots:
            plot.show_cursor(x, boxed=plot is source)

    def _whole(self) -> tuple[float, float] | None:
        extents = [extent for plot in self._plots if (extent := plot.extent()) is not None]
        if not extents:
            return None
        low, high = min(low for low, _ in extents), max(high for _, high in extents)
        if self.options.horizontal is Horizontal.TIME:
            high = round_range(0, high)[1]  # unknown until the end; should seldom change
        if self.options.logarithmic:
            low, high = math.log10(low), math.log10(max(high, 1.1 * low))
        else:
            low = 0.0
        margin = PADDING * (high - low)
        return low - margin, high + margin
