"""How an epoch is cut into the pieces that run as one compiled call.

Records fall on steps 10, 20, ... of the whole run, wherever epochs begin, so a piece ends at a record or at the end of
an epoch, whichever comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.config.specs import TrainingSpec


@dataclass(frozen=True)
class Piece:
    """``steps`` optimiser steps that follow step ``start`` of the run (0-based count of steps already made)."""

    start: int
    steps: int
    ends_with_record: bool

    @property
    def stop(self) -> int:
        """The step (counted from 1) that this piece ends with."""
        return self.start + self.steps


@dataclass(frozen=True)
class Timetable:
    """The steps of a run: ``steps_per_epoch`` in each of ``epochs``, recorded every ``record_every``.

    ``max_steps`` ends the run earlier, within an epoch if need be.
    """

    steps_per_epoch: int
    epochs: int
    record_every: int
    max_steps: int | None = None

    @classmethod
    def of(cls, images: int, training: TrainingSpec, max_steps: int | None = None) -> Timetable:
        """The timetable of a run on ``images`` training images: ceil(N / B) steps an epoch, the last may be short."""
        steps_per_epoch = -(-images // training.batch_size)
        epochs = training.epochs if max_steps is None else -(-max_steps // steps_per_epoch)
        return cls(steps_per_epoch, epochs, training.record_every, max_steps)

    @property
    def total_steps(self) -> int:
        """Optimiser steps in the whole run."""
        whole = self.steps_per_epoch * self.epochs
        return whole if self.max_steps is None else min(whole, self.max_steps)

    @property
    def pieces_per_epoch(self) -> int:
        """The largest number of pieces that any epoch is cut into."""
        return (self.steps_per_epoch - 1) // self.record_every + 2

    def pieces(self, epoch: int) -> list[Piece]:
        """The pieces of ``epoch`` (counted from 0), in order."""
        step, end = epoch * self.steps_per_epoch, min((epoch + 1) * self.steps_per_epoch, self.total_steps)
        pieces = []
        while step < end:
            stop = min((step // self.record_every + 1) * self.record_every, end)
            pieces.append(Piece(step, stop - step, self._is_record(stop)))
            step = stop
        return pieces

    def _is_record(self, step: int) -> bool:
        """A run too short for any record gets one at its end, so that something of it can be seen."""
        return step % self.record_every == 0 or (step == self.total_steps < self.record_every)
