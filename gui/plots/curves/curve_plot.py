"""Curves over steps, epochs or time: per variant the mean over its repeats with a band, or every run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QToolButton

from engine.utils.arrays import Array
from engine.utils.text import pluralise
from gui.observations.experiment import Observations
from gui.observations.variant import VariantObservation
from gui.plots.curves.best_marks import BestMarks
from gui.plots.curves.cursor_plot import CursorPlot
from gui.plots.curves.curve import Curve, CurveReading, Series
from gui.plots.curves.decimation import Frame
from gui.plots.curves.event_marks import CurveEvent, EventMarks, events_of
from gui.plots.curves.link import CurveLink
from gui.plots.curves.logged_curve import LoggedCurve
from gui.plots.curves.options import CurveOptions, Horizontal
from gui.plots.plot import AXIS_WIDTH
from gui.plots.ranges import decades, round_range

__all__ = ["CurveEvent", "CurvePlot", "Series", "all_variants"]

LOG_BUTTON_MARGIN = 6
LOG_AXIS_WIDTH = 66
OUTLIERS = 2  # percent at either end that "Ignore outliers" leaves out
SAMPLE = 20_000  # values from which quantiles are computed
MAX_RECORDS_AT_ONCE = 100_000  # more are redrawn when the event loop is idle, as a slider may be moving
TITLES = {Horizontal.STEP: "step", Horizontal.EPOCH: "epoch", Horizontal.TIME: "training time (s)"}


def all_variants(_variant: VariantObservation) -> bool:
    """Accept every variant."""
    return True


class CurvePlot(CursorPlot):
    """Draws the ``series`` of every variant accepted by ``shown``; an unchanged variant is not redrawn.

    A button in the corner switches the vertical axis between logarithmic and linear and emits
    ``logarithmic_chosen(bool)``. The plots of a board share one ``CurveLink``, assigned to ``link``.
    """

    logarithmic_chosen = Signal(bool)
    has_range_menu = False  # the toolbar and the keys set the ranges

    def __init__(
        self,
        name: str,
        title: str,
        y: str,
        series: tuple[Series, ...],
        logarithmic: bool = False,
        shown: Callable[[VariantObservation], bool] = all_variants,
    ) -> None:
        super().__init__(name, title, "step", y)
        self._series, self._shown = series, shown
        self._logarithmic = logarithmic
        self._follows = True  # whether the vertical range follows the data
        self._sets_range = False
        self._shown_range: tuple[float, float] | None = None
        self._curves: dict[str, list[Curve]] = {}
        self._hidden: set[str] = set()
        self._drawn: dict[str, int] = {}
        self._observations: Observations | None = None
        self._experiment: int | None = None
        self._best, self._events = BestMarks(self), EventMarks(self)
        self.link = CurveLink([self])
        self._redraw_timer = QTimer(self, interval=0, singleShot=True)
        self._redraw_timer.timeout.connect(self.redraw)
        self._log_button = self._make_log_button(name)
        self._use_axes()
        self._listen()

    def _listen(self) -> None:
        self.getPlotItem().disableAutoRange()  # ranges are set by this plot and the link
        view = self.getViewBox()
        view.sigXRangeChanged.connect(self._moved_horizontally)
        view.sigYRangeChanged.connect(self._moved_vertically)
        view.sigResized.connect(self._resized)

    @property
    def curves(self) -> dict[str, list[Curve]]:
        """The curves of each shown variant, one per series."""
        return self._curves

    @property
    def is_logarithmic(self) -> bool:
        """Whether the vertical axis is logarithmic."""
        return self._logarithmic

    def begin(self, observations: Observations) -> None:
        """Clear the plot and set up for the variants of a new plan."""
        if observations.experiment != self._experiment:
            self._experiment, self._follows = observations.experiment, True
            self._hidden.clear()
        self.getPlotItem().clear()
        self.tooltip.add_to_plot()
        self._best.add_to_plot()
        self._events.forget()
        self.show_values(True)
        self._observations = observations
        self._drawn.clear()
        self._curves = {
            name: [self._curve(series, variant, self._label(name, series)) for series in self._series]
            for name, variant in observations.variants.items()
            if self._shown(variant)
        }
        for curves in self._curves.values():
            curves[0].banded = True
        self._shown_range = None
        self._name_horizontal()
        self.link.begin(observations.experiment)
        self.link.follow()

    def _curve(self, series: Series, variant: VariantObservation, label: str) -> Curve:
        return (LoggedCurve if variant.is_logged else Curve)(self, series, variant, label)

    def _label(self, name: str, series: Series) -> str:
        return name if len(self._series) == 1 else f"{name} {series.quantity.partition('_')[0]}"

    def refresh(self, observations: Observations) -> None:
        """Draw what has changed since the last call."""
        changed: list[Curve] = []
        for name, curves in self._curves.items():
            variant = observations.variants[name]
            if self._drawn.get(name) != variant.changes:
                self._drawn[name] = variant.changes
                for curve in curves:
                    curve.update(self._options, self._logarithmic)
                changed += curves
        if changed:
            events = tuple(event for event in events_of(observations) if event.variant in self._curves)
            if events != self._events.events:
                self.show_events(events)
            self._mark_best()
        if self._follows:
            self._fit()
        self.link.follow()
        if changed:
            self._draw(changed)
            self.show_box()

    def show_events(self, events: Sequence[CurveEvent]) -> None:
        """Mark the events of variants, each at its step."""
        self._events.show(events, self._colour_of, self._place_of)
        for name in self._hidden:
            self._events.show_variant(name, False)

    def _colour_of(self, variant: str) -> str:
        return self._curves[variant][0].colour

    def _place_of(self, event: CurveEvent) -> float | None:
        x = self._curves[event.variant][0].x_of_step(event.step)
        return None if x is None else self.to_axis(x)

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide the curves of one variant."""
        (self._hidden.discard if visible else self._hidden.add)(name)
        for curve in self._curves.get(name, ()):
            curve.show(visible)
        self._events.show_variant(name, visible)
        self._mark_best()
        if self._follows:
            self._fit()
        self._draw(())
        self.show_box()

    def highlight_variant(self, name: str | None) -> None:
        """Fade all other variants; None fades none."""
        for other, curves in self._curves.items():
            for curve in curves:
                curve.fade(name is not None and other != name)

    def use_options(self, options: CurveOptions) -> None:
        """Apply drawing options; very long curves are redrawn when the event loop is idle, one plot at a time."""
        axis = self._options.horizontal, self._options.logarithmic
        self._options = options
        if axis != (options.horizontal, options.logarithmic):
            self._use_axes()
        elif self._count_records() > MAX_RECORDS_AT_ONCE:
            self._redraw_timer.start()
            return
        self.redraw()

    def _count_records(self) -> int:
        return sum(len(run.steps) for curves in self._curves.values() for run in curves[0].variant.runs)

    def use_logarithmic(self, logarithmic: bool) -> None:
        """Make the vertical axis logarithmic or linear."""
        self._logarithmic, self._follows = logarithmic, True
        self._log_button.setChecked(logarithmic)
        self._use_axes()
        self.redraw()

    def redraw(self) -> None:
        """Redraw everything with the current options."""
        self._drawn.clear()
        self._events.show((), self._colour_of, self._place_of)
        self._shown_range = None
        if self._observations is not None:
            self.refresh(self._observations)

    def fit_vertically(self) -> None:
        """Show all values and follow new ones."""
        self._follows, self._shown_range = True, None
        self._fit()

    def _use_axes(self) -> None:
        """Apply the scales to the axes only; the plot item's log mode would also choose ranges."""
        item = self.getPlotItem()
        for axis in ("left", "bottom"):
            item.getAxis(axis).setLogMode(x=self._options.logarithmic, y=self._logarithmic)
        # Fits 0.0001 beside the axis label.
        item.getAxis("left").setWidth(LOG_AXIS_WIDTH if self._logarithmic else AXIS_WIDTH)
        self._labels["bottom"] = TITLES[self._options.horizontal]
        self._restyle()
        self._name_horizontal()

    def _name_horizontal(self) -> None:
        """Say on an axis of epochs which variants have none, as their logs don't tell the steps of an epoch."""
        title = TITLES[self._options.horizontal]
        variants = [each[0].variant for each in self._curves.values()]
        left_out = [variant.name for variant in variants if not np.isfinite(variant.steps_per_epoch)]
        if left_out and self._options.horizontal is Horizontal.EPOCH:
            which = left_out[0] if len(left_out) == 1 else pluralise(len(left_out), "variant")
            title = f"{title} (not known of {which})"
        if title != self._labels["bottom"]:
            self._labels["bottom"] = title
            self._restyle()

    def _make_log_button(self, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(f"{name}_log")
        button.setText("log")
        button.setAccessibleName(f"Logarithmic vertical axis: {self.accessibleName()}")
        button.setToolTip("Logarithmic vertical axis")
        button.setCheckable(True)
        button.setAutoRaise(True)
        button.setChecked(self._logarithmic)
        button.clicked.connect(self._choose_logarithmic)
        button.move(LOG_BUTTON_MARGIN, LOG_BUTTON_MARGIN)  # above its axis
        return button

    def _show_label(self) -> None:
        """Hide the label of the vertical axis if the plot is so low that the button would cover it."""
        name, middle = self.getPlotItem().getAxis("left").label, self.getViewBox().sceneBoundingRect().center()
        top = self.mapFromScene(middle).y() - name.boundingRect().width() / 2
        # By opacity, as each restyling of the axis makes its label visible again.
        name.setOpacity(float(top >= self._log_button.geometry().bottom()))

    def _choose_logarithmic(self, logarithmic: bool) -> None:
        self.use_logarithmic(logarithmic)
        self.logarithmic_chosen.emit(logarithmic)

    # Ranges

    def extent(self) -> tuple[float, float] | None:
        """Return the minimum and maximum x to show, before logarithms; None if there is nothing."""
        measured = [extent for curve in self._all() if (extent := curve.extent()) is not None]
        first = min((low for low, _ in measured), default=None)
        if self._options.horizontal is Horizontal.TIME:
            return None if first is None else (first, max(high for _, high in measured))
        curves = [each[0] for each in self._curves.values() if np.isfinite(each[0].x_scale)]
        planned = [run.final_step * curve.x_scale for curve in curves for run in curve.variant.runs]
        last = max(planned, default=0.0)
        if any(curve.variant.is_logged for curve in curves):
            # A log need not tell how long its run will be; the range then grows with the data, in round numbers.
            reached = max((high for _, high in measured), default=0.0)
            last = last if last >= reached else round_range(0, reached)[1]
        if not last:
            return None
        return last / 1000 if first is None else first, last

    def show_x_range(self, low: float, high: float) -> None:
        """Show a range without notifying the link."""
        self._sets_range = True
        self.setXRange(low, high, padding=0)
        self._sets_range = False

    def _moved_horizontally(self, _view: object, seen: Sequence[float]) -> None:
        if not self._sets_range:
            self.link.choose(self, seen[0], seen[1])
        self.getViewBox().updateMatrix()  # otherwise done while painting, which then paints twice
        self._draw(self._all())
        self.show_box()

    def _resized(self) -> None:
        self._show_label()
        self._draw(self._all())
        self.show_box()

    def _moved_vertically(self) -> None:
        """Stop following the data if the user changed the range."""
        if not self._sets_range:
            self._follows = False
        self.getViewBox().updateMatrix()
        self._draw(())

    def _fit(self) -> None:
        """Show all values between round numbers, so that axes seldom change and curves don't jump at every record."""
        bounds = self._bounds()
        if bounds is None:
            return
        wanted = decades(*bounds) if self._logarithmic else round_range(*bounds)
        if wanted != self._shown_range:
            self._shown_range = wanted
            self._sets_range = True
            self.setYRange(*wanted, padding=0)
            self._sets_range = False

    def _bounds(self) -> tuple[float, float] | None:
        shown = [curve for curve in self._all() if curve.is_shown]
        if self._options.ignore_outliers and shown:
            values = np.concatenate([curve.sample(SAMPLE // len(shown)) for curve in shown])
            values = values[np.isfinite(values) & ((values > 0) | (not self._logarithmic))]
            if len(values):
                low, high = np.percentile(values, [OUTLIERS, 100 - OUTLIERS])
                return float(low), float(high)
        bounds = [found for curve in shown if (found := curve.bounds(self._logarithmic)) is not None]
        return (min(low for low, _ in bounds), max(high for _, high in bounds)) if bounds else None

    # Drawing

    def _all(self) -> Iterator[Curve]:
        return (curve for curves in self._curves.values() for curve in curves)

    def _draw(self, curves: Iterable[Curve]) -> None:
        """Draw the given curves, and whatever is positioned in pixels."""
        frame = self.frame()
        for curve in curves:
            curve.draw(frame)
        if self._best.points:
            self._best.place(frame, self.palette())

    def _mark_best(self) -> None:
        wanted = [curves[0] for curves in self._curves.values() if self._options.mark_best and curves[0].is_shown]
        points = [(curve, best) for curve in wanted if (best := curve.best()) is not None]
        if points != self._best.points:
            self._best.show(points, self.frame(), self.palette())

    def frame(self) -> Frame:
        """Return the visible ranges; records of logged runs need not be evenly spaced."""
        frame = super().frame()
        is_even = frame.even and not any(curves[0].variant.is_logged for curves in self._curves.values())
        return frame if is_even == frame.even else replace(frame, even=is_even)

    # Data for the cursor

    def readings(self, x: float, slack: float) -> list[CurveReading]:
        """Return the readings of every shown curve at ``x``, before logarithms."""
        return [reading for curve in self._all() if curve.is_shown for reading in curve.read(x, slack)]

    def notes(self, x: float, slack: float) -> list[str]:
        """Return the texts of the events near ``x`` on the axis."""
        return [event.text for event in self._events.near(x, slack)]

    def adjacent_record(self, x: float, rising: bool) -> float:
        """Return x of the first record at ``x`` or beyond of the first shown curve; ``x`` if there is none."""
        shown = (curve for curve in self._all() if curve.is_shown and curve.extent() is not None)
        curve = next(shown, None)
        return x if curve is None else curve.adjacent_record(x, rising)

    def curve_data(self, name: str, quantity: str) -> tuple[Array, Array]:
        """Return x and values of the line of a variant's quantity, in the axes' units: float64 [records] each."""
        return next(curve for curve in self._curves[name] if curve.series.quantity == quantity).data()
