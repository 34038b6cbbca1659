"""Events of an experiment: its plan, its computed results, its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.events.datasets import DatasetInfo
from engine.events.devices import Device
from engine.events.durations import ExpectedRun
from engine.events.runs import PlannedRun, Status
from engine.utils.arrays import Array


@dataclass(frozen=True)
class ExperimentStarted:
    """The experiment is planned and stored; its runs follow.

    Attributes:
        warning: a sentence on what training them may lack, such as memory; empty if nothing.
        expected: how long the runs, then those of ``later``, are expected to take; empty if nothing is known.
        later: runs that will be planned from the results of these, stage by stage; not numbered yet.
    """

    experiment: int
    name: str
    info: DatasetInfo
    runs: tuple[PlannedRun, ...]
    workers: int
    warning: str = ""
    expected: tuple[ExpectedRun, ...] = field(default=(), compare=False)
    later: tuple[tuple[PlannedRun, ...], ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class RunsAdded:
    """Further runs of the current experiment, planned from the results of earlier ones."""

    runs: tuple[PlannedRun, ...]


@dataclass(frozen=True)
class ComputationStarted:
    """A computed experiment is stored and starts."""

    experiment: int
    name: str


@dataclass(frozen=True)
class ComputedPart:
    """An intermediate result of a computed experiment; ``name`` says what ``values`` are."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Computation:
    """What a computed experiment found.

    ``findings`` are plain values that JSON can hold, and go into ``summary.json`` beside its usual keys; ``arrays`` are
    kept in the store as they are.
    """

    findings: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Computed:
    """A computed experiment's results, which are a :class:`Computation`, and what they were computed on."""

    findings: dict[str, Any]
    arrays: dict[str, Array]
    device: Device
    versions: dict[str, str]


@dataclass(frozen=True)
class ExperimentFinished:
    """The experiment has ended; always the last event of a session.

    Attributes:
        experiment: its number in the store; None if it was not stored.
        reason: why it did not finish, as a sentence.
        broken_images: number of image files that can't be read, if that is the reason; they can be left out.
    """

    experiment: int | None
    status: Status
    reason: str = ""
    broken_images: int = 0
