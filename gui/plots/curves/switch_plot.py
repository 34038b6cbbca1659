"""Curves with marks at the epochs after which the learning rate switches."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal

from engine.experiments.schedule.variants import STEPS
from gui.observations.experiment import Observations
from gui.plots.curves.curve_plot import CurvePlot
from gui.plots.curves.options import CurveOptions, Horizontal
from gui.utils.theme import muted

MARK_WIDTH = 2


class SwitchPlot(CurvePlot):
    """A curve plot whose marks can be dragged to other epochs; emits ``switches_moved(epochs)``, an ascending tuple."""

    switches_moved = Signal(tuple)

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._marks: list[pg.InfiniteLine] = []
        self._steps_per_epoch, self._epochs = 1.0, 1

    def begin(self, observations: Observations) -> None:
        """Draw the marks known from the plan."""
        self._marks = []
        super().begin(observations)
        runs = [run.planned for run in observations.runs.values()]
        self._epochs = runs[0].trained_spec.training.epochs
        self._steps_per_epoch = runs[0].total_steps / self._epochs
        longest = max((run.trained_spec.schedule.switches for run in runs), key=len)
        may_move = STEPS in observations.variants  # during the search for plateaus the search sets the marks
        self._marks = [self._mark(position, epoch, may_move) for position, epoch in enumerate(longest)]
        for mark in self._marks:
            self.addItem(mark, ignoreBounds=True)

    def use_options(self, options: CurveOptions) -> None:
        """Apply drawing options; the marks stay at their epochs.

        They are hidden on a time axis, as the variants reach the end of an epoch at different times.
        """
        epochs = [self._epoch_of(mark) for mark in self._marks]
        super().use_options(options)
        for mark, epoch in zip(self._marks, epochs, strict=True):
            mark.setBounds((self._place(1), self._place(self._epochs - 1)))
            mark.setVisible(options.horizontal is not Horizontal.TIME)
            self._put(mark, epoch)

    @property
    def switches(self) -> tuple[int, ...]:
        """The marked epochs, ascending, at least one epoch apart and before the end."""
        epochs: list[int] = []
        for position, mark in enumerate(sorted(self._marks, key=lambda line: float(line.value()))):
            least = epochs[-1] + 1 if epochs else 1
            most = self._epochs - (len(self._marks) - position)
            epochs.append(min(max(round(self._epoch_of(mark)), least), most))
        return tuple(epochs)

    def _place(self, epoch: float) -> float:
        """Return the position of the end of an epoch on the axis."""
        return self.to_axis(epoch if self._options.horizontal is Horizontal.EPOCH else epoch * self._steps_per_epoch)

    def _epoch_of(self, mark: pg.InfiniteLine) -> float:
        x = self.from_axis(float(mark.value()))
        return x if self._options.horizontal is Horizontal.EPOCH else x / self._steps_per_epoch

    def _mark(self, position: int, epoch: int, may_move: bool) -> pg.InfiniteLine:
        colour = muted(self.palette())
        mark = pg.InfiniteLine(
            self._place(epoch),
            angle=90,
            movable=may_move,
            bounds=(self._place(1), self._place(self._epochs - 1)),
            pen=pg.mkPen(colour, width=MARK_WIDTH, style=Qt.PenStyle.DotLine),
            hoverPen=pg.mkPen(colour, width=2 * MARK_WIDTH),
            label=f"epoch {epoch}",
            # Labels of neighbouring marks are at different heights.
            labelOpts={"position": 0.08 + 0.16 * (position % 3), "color": colour, "anchors": [(0, 0.5), (1, 0.5)]},
        )
        mark.sigPositionChanged.connect(self._name)
        mark.sigPositionChangeFinished.connect(self._snap_marks)
        return mark

    def _name(self, mark: pg.InfiniteLine) -> None:
        mark.label.setFormat(f"epoch {round(self._epoch_of(mark))}")

    def _snap_marks(self, _mark: pg.InfiniteLine) -> None:
        """Snap the marks to the ends of epochs."""
        switches = self.switches
        for mark, epoch in zip(sorted(self._marks, key=lambda line: float(line.value())), switches, strict=True):
            self._put(mark, epoch)
        self.switches_moved.emit(switches)

    def _put(self, mark: pg.InfiniteLine, epoch: float) -> None:
        mark.blockSignals(True)
        mark.setValue(self._place(epoch))
        mark.blockSignals(False)
        self._name(mark)
