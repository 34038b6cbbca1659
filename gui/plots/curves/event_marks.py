"""Marks of events in the training of a run on its plots."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from engine.events.runs import InterventionKind
from gui.observations.experiment import Observations

MAX_LABELS = 4  # more would cover the curves; the tooltip names them
LINE_ALPHA, FAINT_ALPHA = 170, 130
MARKED = (InterventionKind.LEARNING_RATE, InterventionKind.CONTINUED, InterventionKind.MOVED)
FAINT = (InterventionKind.CONTINUED,)  # changes no number
EXPLANATIONS = {
    InterventionKind.CONTINUED: "interrupted, and went on from here as if nothing had been",
    InterventionKind.MOVED: "interrupted, and went on from here elsewhere, which may change its numbers",
}


@dataclass(frozen=True)
class CurveEvent:
    """An event to mark on the curve of a variant.

    Attributes:
        step: the step after which it happened.
        label: short text at the mark.
        explanation: text in the tooltip; ``label`` is used if it is empty.
        faint: whether the mark is faint.
    """

    variant: str
    step: float
    label: str
    explanation: str = ""
    faint: bool = False

    @property
    def text(self) -> str:
        """Text of the tooltip, such as ``cnn_4: rate 0.01``."""
        return f"{self.variant}: {self.explanation or self.label}"


def events_of(observations: Observations) -> tuple[CurveEvent, ...]:
    """Return the events of all runs; equal events of a variant's runs at the same step are merged.

    A pause is left out, as it changes no number and is not visible in a curve.
    """
    events = (
        CurveEvent(name, done.step, done.label, EXPLANATIONS.get(done.kind, ""), done.kind in FAINT)
        for name, variant in observations.variants.items()
        for run in variant.runs
        for done in run.interventions
        if done.kind in MARKED
    )
    return tuple(dict.fromkeys(events))


class EventMarks:
    """Thin vertical lines in the variants' colours, labelled if there are few."""

    def __init__(self, plot: pg.PlotWidget) -> None:
        self._plot = plot
        self.events: tuple[CurveEvent, ...] = ()
        self.marks: list[tuple[CurveEvent, pg.InfiniteLine]] = []

    def show(
        self, events: Sequence[CurveEvent], colour: Callable[[str], str], place: Callable[[CurveEvent], float | None]
    ) -> None:
        """Mark ``events``, each in its variant's colour at its position on the axis; those without one are left out."""
        for _, line in self.marks:
            self._plot.removeItem(line)
        self.events = tuple(events)
        places = [(event, x) for event in events if (x := place(event)) is not None]
        self.marks = [
            (event, self._line(position, event, x, colour(event.variant), len(places) <= MAX_LABELS))
            for position, (event, x) in enumerate(places)
        ]

    def forget(self) -> None:
        """Forget the marks after the plot was cleared."""
        self.events, self.marks = (), []

    def near(self, x: float, slack: float) -> Iterator[CurveEvent]:
        """Return the visible events within ``slack`` of ``x`` on the axis."""
        return (event for event, line in self.marks if line.isVisible() and abs(line.value() - x) <= slack)

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide the marks of one variant."""
        for event, line in self.marks:
            if event.variant == name:
                line.setVisible(visible)

    def _line(self, position: int, event: CurveEvent, x: float, hex_colour: str, labelled: bool) -> pg.InfiniteLine:
        colour = QColor(hex_colour)
        colour.setAlpha(FAINT_ALPHA if event.faint else LINE_ALPHA)
        line = pg.InfiniteLine(
            x,
            angle=90,
            pen=pg.mkPen(colour, width=1, style=Qt.PenStyle.DotLine if event.faint else Qt.PenStyle.DashLine),
            label=event.label if labelled else None,
            # Labels of neighbours are at different heights.
            labelOpts={
                "position": 0.92 - 0.1 * (position % MAX_LABELS),
                "color": hex_colour,
                "anchors": [(0, 0.5), (1, 0.5)],
            },
        )
        self._plot.addItem(line, ignoreBounds=True)
        return line
