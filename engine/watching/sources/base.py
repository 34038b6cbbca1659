"""What the logs of runs say, whatever their format, and the interface of their readers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from engine.config.logged_runs import UNKNOWN_SEED
from engine.events.devices import Device
from engine.events.runs import Status
from engine.events.watching import Grouping
from engine.utils.arrays import Array

# Names of the numbers that every log may have, as in ``engine.events.runs.Record``; all others are further metrics.
STANDARD_NUMBERS = (
    "training_loss",
    "training_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
)


@dataclass(frozen=True)
class Description:
    """What a log says of its run; empty, 0 or None stands for what it doesn't say.

    A later description replaces an earlier one, as a program that is resumed describes its run again.

    Attributes:
        grouping: experiment, variant and repeat, as the program named them.
        settings: names and values as text.
        steps: optimiser steps that the run is to take.
        images_per_record: training images over which a training loss is averaged.
        parameters: number of the network's parameters.
        dataset: name of the data set.
        image_counts: numbers of training, validation and test images.
        started: seconds since 1970.
        after: for a resumed program, the step after which it logs again; records of later steps are replaced.
    """

    grouping: Grouping
    settings: Mapping[str, str] = field(default_factory=dict)
    seed: int = UNKNOWN_SEED
    epochs: int = 0
    steps: int = 0
    steps_per_epoch: int = 0
    images_per_record: int = 0
    parameters: int = 0
    dataset: str = ""
    class_names: tuple[str, ...] = ()
    image_counts: tuple[int, int, int] = (0, 0, 0)
    device: Device | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    started: float = 0.0
    after: int | None = None


@dataclass(frozen=True)
class Measured:
    """Numbers logged at a step; further ones of the same step may follow.

    Attributes:
        step: from 1.
        epoch: from 1; 0 if unknown.
        seconds: since training began; NaN if unknown.
        numbers: by name; losses in nats, accuracies as fractions. NaN or infinity stands for a number that was logged
            and is not finite.
        gradient_norms: L2 norm of the gradient of each layer's weights, by layer, first to last.
        update_ratios: L2 norm of the step's update over that of the weights, likewise.
    """

    step: int
    epoch: int = 0
    seconds: float = math.nan
    numbers: Mapping[str, float] = field(default_factory=dict)
    gradient_norms: Mapping[str, float] = field(default_factory=dict)
    update_ratios: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LoggedWeights:
    """The weights of a layer at a step, as in ``engine.events.runs.Weights``."""

    step: int
    layer: str
    values: Array
    input_shape: tuple[int, ...]


@dataclass(frozen=True)
class Tested:
    """Results of the test; None for what was not logged. ``confusion`` is int [classes, classes], rows true."""

    accuracy: float | None = None
    loss: float | None = None
    confusion: Array | None = None


@dataclass(frozen=True)
class Ended:
    """The program says that the run has ended, and why, unless it finished."""

    status: Status
    reason: str = ""


@dataclass(frozen=True)
class Restarted:
    """The file was replaced, or is understood otherwise from now on: everything of the run comes again.

    Attributes:
        is_same: the latter, so that the training is the same even if its numbers belong to other steps.
    """

    is_same: bool = False


@dataclass(frozen=True)
class Problem:
    """Part of a log can't be understood, as the sentence says; what follows is read all the same."""

    sentence: str


LogEntry = Description | Measured | LoggedWeights | Tested | Ended | Restarted | Problem


class Source(Protocol):
    """The log of one run. ``read`` never waits; files that are gone or can't be read now yield nothing.

    Attributes:
        key: the file or folder, relative to the watched folder with ``/``; a part of a file is named after ``#``.
        format: what wrote it, such as ``Trainscope log``.
        grouping: experiment, variant and repeat, from the log or from names; may become better known as it is read.
        is_live: whether the program that writes it may still go on, as far as the log tells: False for a file that is
            complete by its nature.
    """

    key: str
    format: str
    grouping: Grouping
    is_live: bool

    def read(self) -> Sequence[LogEntry]:
        """Return what was written since the last call, at most about a megabyte of it."""

    @property
    def has_more(self) -> bool:
        """Whether ``read`` would return more at once, as the last call stopped at its limit."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes read of each of its files, which are relative to the watched folder with ``/``."""


@runtime_checkable
class NamedSource(Protocol):
    """A source whose log doesn't say where its run belongs, so that it is grouped with the others by its name.

    Attributes:
        name: with ``/`` between folders and name, see ``names.group``.
        grouping: as in ``Source``.
    """

    name: str
    grouping: Grouping
