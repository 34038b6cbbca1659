"""Division of a run into segments that are executed as one compiled call each.

Records fall on steps 10, 20, ... of the whole run, regardless of epochs, so a segment ends at a record or at the end of
an epoch, whichever comes first. A run too short for two records has a shorter interval, so that it has curves too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.config.specs import TrainingSpec
from engine.events.runs import PlannedRun, record_interval
from engine.utils.text import pluralise


def shortened_interval(runs: Iterable[PlannedRun]) -> str:
    """Say of the first of ``runs`` that has a shorter recording interval than was set; empty if none has."""
    for run in runs:
        if run.is_logged:
            continue
        every, steps = run.trained_spec.training.record_every, run.total_steps
        if (interval := run.record_interval) < every:
            often = "every step" if interval == 1 else f"every {interval} steps"
            return f"Recorded {often} instead of every {every}, as a run has only {pluralise(steps, 'step')}."
    return ""


@dataclass(frozen=True)
class Segment:
    """Consecutive optimiser steps within one epoch.

    Attributes:
        start: number of steps of the run before it.
        steps: number of its steps.
        ends_with_record: whether its last step is recorded.
    """

    start: int
    steps: int
    ends_with_record: bool

    @property
    def stop(self) -> int:
        """The last step, counted from 1."""
        return self.start + self.steps


@dataclass(frozen=True)
class Timetable:
    """The steps of a run.

    Attributes:
        steps_per_epoch: number of batches in an epoch.
        epochs: number of epochs.
        record_every: steps between records as set; see ``interval``.
        max_steps: ends the run early, possibly within an epoch.
    """

    steps_per_epoch: int
    epochs: int
    record_every: int
    max_steps: int | None = None

    @classmethod
    def of(cls, images: int, training: TrainingSpec, max_steps: int | None = None) -> Timetable:
        """Return the timetable of a run on ``images`` training images.

        An epoch has ceil(images / batch size) steps, so its last batch may be smaller.
        """
        steps_per_epoch = -(-images // training.batch_size)
        epochs = training.epochs if max_steps is None else -(-max_steps // steps_per_epoch)
        return cls(steps_per_epoch, epochs, training.record_every, max_steps)

    @property
    def total_steps(self) -> int:
        """Optimiser steps in the whole run."""
        whole = self.steps_per_epoch * self.epochs
        return whole if self.max_steps is None else min(whole, self.max_steps)

    @property
    def interval(self) -> int:
        """Steps between records."""
        return record_interval(self.total_steps, self.record_every)

    @property
    def segments_per_epoch(self) -> int:
        """The largest number of segments in any epoch."""
        return (self.steps_per_epoch - 1) // self.interval + 2

    def segments(self, epoch: int) -> list[Segment]:
        """Return the segments of ``epoch`` (from 0), in order."""
        step, end = epoch * self.steps_per_epoch, min((epoch + 1) * self.steps_per_epoch, self.total_steps)
        segments, interval = [], self.interval
        while step < end:
            stop = min((step // interval + 1) * interval, end)
            segments.append(Segment(step, stop - step, stop % interval == 0))
            step = stop
        return segments
