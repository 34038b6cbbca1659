"""Curves over steps, epochs or time: for each variant the mean over its repeats and a band, or every run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QToolButton

from engine.arrays import Array
from gui.observations import Observations, VariantObservation
from gui.views.best_marks import BestMarks
from gui.views.curve import Curve, Series
from gui.views.curve_data import Frame
from gui.views.curve_link import CurveLink
from gui.views.curve_options import CurveOptions, Horizontal
from gui.views.event_marks import CurveEvent, EventMarks, events_of
from gui.views.plot import AXIS_WIDTH, Plot
from gui.views.ranges import decades, round_range
from gui.views.read_out import ReadOut, described

__all__ = ["CurveEvent", "CurvePlot", "Series", "all_variants"]

LOG_BUTTON_MARGIN = 6
LOG_AXIS_WIDTH = 66
CURSOR_HERTZ = 30  # as often as the read-out follows the mouse
NEAR_PIXELS = 6  # of the cursor: events that the read-out says
OUTLIERS = 2  # percent at either end that "ignore outliers" leaves out
SAMPLE = 20_000  # values that quantiles are taken of
TITLES = {Horizontal.STEP: "step", Horizontal.EPOCH: "epoch", Horizontal.TIME: "training time (s)"}
LEAPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -(10**9), Qt.Key.Key_End: 10**9}
KEYS = "Left, Right, Home and End move the cursor, with Shift faster; Escape takes it away."
FAR = 20  # pixels that the cursor goes with Shift


def all_variants(_variant: VariantObservation) -> bool:
    """Every variant is shown."""
    return True


class CurvePlot(Plot):
    """Draws ``series`` of every variant that is ``shown``; a variant that did not change is not drawn again.

    A button in the corner turns the vertical axis logarithmic and back, which ``logarithmic_chosen(bool)`` announces.
    Plots of a board share one :class:`~gui.views.curve_link.CurveLink`, which ``link`` is set to.
    """

    logarithmic_chosen = Signal(bool)

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
        self._logarithmic, self._options = logarithmic, CurveOptions()
        self._follows = True  # vertically
        self._moves_itself = False
        self._shown_range: tuple[float, float] | None = None
        self._curves: dict[str, list[Curve]] = {}
        self._hidden: set[str] = set()
        self._drawn: dict[str, int] = {}
        self._observations: Observations | None = None
        self._experiment: int | None = None
        self._read_out, self._best, self._events = ReadOut(self), BestMarks(self), EventMarks(self)
        self._boxed = False
        self.link = CurveLink([self])
        self._log_button = self._make_log_button(name)
        self._use_axes()
        self._listen()

    def _listen(self) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleDescription(KEYS)
        self.getPlotItem().disableAutoRange()  # ranges are this plot's and the link's business
        self.getPlotItem().setMenuEnabled(False)
        view = self.getViewBox()
        view.sigXRangeChanged.connect(self._moved_horizontally)
        view.sigYRangeChanged.connect(self._moved_vertically)
        view.sigResized.connect(lambda _view: self._draw(self._all()))
        self._mouse = pg.SignalProxy(self.scene().sigMouseMoved, rateLimit=CURSOR_HERTZ, slot=self._point)

    @property
    def is_logarithmic(self) -> bool:
        """Whether the vertical axis is."""
        return self._logarithmic

    def begin(self, observations: Observations) -> None:
        """Forget the old curves and make room for those of a new plan."""
        if observations.experiment != self._experiment:
            self._experiment, self._follows = observations.experiment, True
            self._hidden.clear()
        self.getPlotItem().clear()
        self._read_out.join()
        self._best.join()
        self._events.forget()
        self.show_values(True)
        self._observations = observations
        self._drawn.clear()
        self._curves = {
            name: [Curve(self, series, variant, self._label(name, series)) for series in self._series]
            for name, variant in observations.variants.items()
            if self._shown(variant)
        }
        for curves in self._curves.values():
            curves[0].banded = True
        self._shown_range = None
        self.link.begin(observations.experiment)
        self.link.follow()

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
                    curve.take(self._options, self._logarithmic)
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
            self._show_box()

    def show_events(self, events: Sequence[CurveEvent]) -> None:
        """Mark what happened to variants, each at its step."""
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
        self._show_box()

    def highlight_variant(self, name: str | None) -> None:
        """Let all other variants step back; None brings them all forward."""
        for other, curves in self._curves.items():
            for curve in curves:
                curve.fade(name is not None and other != name)

    def use_options(self, options: CurveOptions) -> None:
        """Draw by these options from now on."""
        self._options = options
        self._use_axes()
        self.draw_anew()

    def use_logarithmic(self, logarithmic: bool) -> None:
        """Turn the vertical axis logarithmic or linear."""
        self._logarithmic, self._follows = logarithmic, True
        self._log_button.setChecked(logarithmic)
        self._use_axes()
        self.draw_anew()

    def draw_anew(self) -> None:
        """Draw everything by the present options."""
        self._drawn.clear()
        self._events.show((), self._colour_of, self._place_of)
        self._shown_range = None
        if self._observations is not None:
            self.refresh(self._observations)

    def fit_vertically(self) -> None:
        """Show all values, now and as they come."""
        self._follows, self._shown_range = True, None
        self._fit()

    def _use_axes(self) -> None:
        """Not by the plot item's own log mode, which would also have it choose ranges."""
        item = self.getPlotItem()
        for axis in ("left", "bottom"):
            item.getAxis(axis).setLogMode(x=self._options.logarithmic, y=self._logarithmic)
        # Room for 0.0001 beside the axis' name.
        item.getAxis("left").setWidth(LOG_AXIS_WIDTH if self._logarithmic else AXIS_WIDTH)
        self._labels["bottom"] = TITLES[self._options.horizontal]
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
        button.move(LOG_BUTTON_MARGIN, LOG_BUTTON_MARGIN)  # above the axis that it changes
        return button

    def _choose_logarithmic(self, logarithmic: bool) -> None:
        self.use_logarithmic(logarithmic)
        self.logarithmic_chosen.emit(logarithmic)

    # Ranges

    def extent(self) -> tuple[float, float] | None:
        """Least and greatest x to make room for, before logarithms; None where there is nothing."""
        measured = [extent for curve in self._all() if (extent := curve.extent()) is not None]
        first = min((low for low, _ in measured), default=None)
        if self._options.horizontal is Horizontal.TIME:
            return None if first is None else (first, max(high for _, high in measured))
        planned = [
            run.planned.total_steps * curves[0].x_scale
            for curves in self._curves.values()
            for run in curves[0].variant.runs
        ]
        if not planned:
            return None
        return max(planned) / 1000 if first is None else first, max(planned)

    def show_x_range(self, low: float, high: float) -> None:
        """Show this range, without telling the link."""
        self._moves_itself = True
        self.setXRange(low, high, padding=0)
        self._moves_itself = False

    def _moved_horizontally(self, _view: object, seen: Sequence[float]) -> None:
        if not self._moves_itself:
            self.link.choose(self, seen[0], seen[1])
        self.getViewBox().updateMatrix()  # else done while painting, which makes it paint twice
        self._draw(self._all())
        self._show_box()

    def _moved_vertically(self) -> None:
        """Whether by the user: then it stays where it is put."""
        if not self._moves_itself:
            self._follows = False
        self.getViewBox().updateMatrix()
        self._draw(())

    def _fit(self) -> None:
        """Show all values between round numbers, so that axes change seldom and curves don't jump at every record."""
        bounds = self._bounds()
        if bounds is None:
            return
        wanted = decades(*bounds) if self._logarithmic else round_range(*bounds)
        if wanted != self._shown_range:
            self._shown_range = wanted
            self._moves_itself = True
            self.setYRange(*wanted, padding=0)
            self._moves_itself = False

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

    def _frame(self) -> Frame:
        view = self.getViewBox()
        (left, right), (bottom, top) = view.viewRange()
        even = self._options.horizontal is not Horizontal.TIME
        size = view.width(), view.height()
        return Frame((left, right), (bottom, top), *size, self._options.logarithmic, self._logarithmic, even)

    def _draw(self, curves: Iterable[Curve]) -> None:
        """Draw these, and whatever has its place in pixels."""
        frame = self._frame()
        for curve in curves:
            curve.draw(frame)
        if self._best.points:
            self._best.place(frame, self.palette())

    def _mark_best(self) -> None:
        wanted = [curves[0] for curves in self._curves.values() if self._options.mark_best and curves[0].is_shown]
        points = [(curve, best) for curve in wanted if (best := curve.best()) is not None]
        if points != self._best.points:
            self._best.show(points, self._frame(), self.palette())

    def to_axis(self, x: float) -> float:
        """Where on the axis a step, epoch or time lies."""
        return float(self._frame().to_axis_x(np.array([x]))[0])

    def from_axis(self, x: float) -> float:
        """The step, epoch or time that lies there on the axis."""
        return float(10**x) if self._options.logarithmic else x

    # Read-out

    def show_cursor(self, x: float | None, boxed: bool) -> None:
        """Show a line at ``x`` of the axis, or none; ``boxed``: with the values there."""
        self._boxed = boxed
        self._read_out.show_line(x)
        self._show_box()

    def _show_box(self) -> None:
        x = self._read_out.x
        if x is None or not self._boxed:
            return
        pixel = self._pixel()
        here = self.from_axis(x)
        slack = abs(self.from_axis(x + pixel) - here)
        readings = [reading for curve in self._all() if curve.is_shown for reading in curve.read(here, slack)]
        notes = [f"{event.variant}: {event.label}" for event in self._events.near(x, NEAR_PIXELS * pixel)]
        self._read_out.show_box(described(readings, self._options.horizontal, notes))

    def _pixel(self) -> float:
        frame = self._frame()
        return (frame.x[1] - frame.x[0]) / max(frame.width, 1)

    def _point(self, arguments: tuple[QPointF]) -> None:
        """The mouse is somewhere else."""
        view = self.getViewBox()
        inside = view.sceneBoundingRect().contains(arguments[0])
        self.link.move_cursor(self, view.mapSceneToView(arguments[0]).x() if inside else None)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Take the cursor away with the mouse."""
        super().leaveEvent(event)
        self._mouse.flush()  # or it would come back later
        self.link.move_cursor(self, None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Left and Right move the cursor to the next record or pixel, with Shift faster; Home, End; Escape hides it."""
        leap = LEAPS.get(Qt.Key(event.key()))
        if event.key() == Qt.Key.Key_Escape and self._read_out.x is not None:
            self.link.move_cursor(self, None)
        elif leap is not None:
            fast = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self._leap(leap * (FAR if fast else 1))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show the cursor where the keyboard came here, so that it is seen where one is."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self._leap(0)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Take the cursor away with the keyboard."""
        super().focusOutEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self.link.move_cursor(self, None)

    def _leap(self, pixels: int) -> None:
        """To the nearest record at least so many pixels away, within what is seen."""
        (low, high), pixel = self.getViewBox().viewRange()[0], self._pixel()
        start = self._read_out.x if self._read_out.x is not None else (low + high) / 2
        aim = min(max(start + pixels * pixel, low), high)
        curve = next((curve for curve in self._all() if curve.is_shown and curve.extent() is not None), None)
        if curve is not None:
            aim = self.to_axis(curve.record_beside(self.from_axis(aim), rising=pixels > 0))
        self.link.move_cursor(self, aim)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show everything again."""
        super().mouseDoubleClickEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self.link.reset()

    def curve_data(self, name: str, quantity: str) -> tuple[Array, Array]:
        """Steps (or what the axis counts) and values that the line of a variant shows, both float64 [records]."""
        return next(curve for curve in self._curves[name] if curve.series.quantity == quantity).data()
