"""Commands to a running training."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Control(StrEnum):
    """Commands to all runs, answered within one recording interval.

    ``STOP`` ends training, keeps what was learned, tests and saves the model; ``CANCEL`` ends it without test or model.
    Both keep the records, and the run can be resumed. ``SUSPEND`` is a cancel because the program ends, with the
    intention to resume. ``PAUSE`` holds every run until ``RESUME``; ``STEP`` lets each paused run train up to its next
    record and pauses it again.
    """

    STOP = "stop"
    CANCEL = "cancel"
    SUSPEND = "suspend"
    PAUSE = "pause"
    RESUME = "resume"
    STEP = "step"

    @property
    def ends(self) -> bool:
        """Whether it ends the training."""
        return self in (Control.STOP, Control.CANCEL, Control.SUSPEND)


@dataclass(frozen=True)
class SkipRun:
    """Leave out one run: end it without a test if it is running, else never start it. Its records are kept."""

    run: int


@dataclass(frozen=True)
class SetLearningRate:
    """Change the learning rate from the next step to the end of the run, overriding its schedule.

    ``run`` is a single run; None means every running one.
    """

    rate: float
    run: int | None = None


Command = Control | SkipRun | SetLearningRate


class Poll(Protocol):
    """Returns the oldest unread command, or None; with ``wait``, waits for one."""

    def __call__(self, *, wait: bool = False) -> Command | None:
        """Return the next command."""
