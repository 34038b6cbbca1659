"""What can be asked of a training that is under way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Control(StrEnum):
    """What can be asked of a training that is under way; answered within one recording interval.

    ``STOP`` ends it, keeps what was learned, tests and saves the model; ``CANCEL`` ends it without either. Records are
    kept in both cases, and the run can go on another time. ``SUSPEND`` is a cancel whose owner means to go on: the
    program ends. ``PAUSE`` holds every run until ``RESUME``; ``STEP`` lets each run that is held train up to its next
    record, and holds it again.
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
    """Ask that one run be left out: ended without a test if it is under way, else not begun. Its records are kept."""

    run: int


@dataclass(frozen=True)
class SetLearningRate:
    """Ask for another learning rate, from the next step on and for the rest of the run, whatever its schedule says.

    ``run`` names one run; None means every run that is under way.
    """

    rate: float
    run: int | None = None


Command = Control | SkipRun | SetLearningRate


class Poll(Protocol):
    """Gives the oldest command not yet fetched, or None; ``wait`` waits until there is one."""

    def __call__(self, *, wait: bool = False) -> Command | None:
        """The next command."""
