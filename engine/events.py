"""The frozen dataclasses that cross every border, and the controls that go back.

Events travel from a training process over a pipe to the session and on to the window or the terminal; they are
pickled between processes of one program, never read from a file. Arrays in them are copies: nobody else holds them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from engine.arrays import Array
from engine.datasets.prepare import DatasetInfo
from engine.probe_events import ImageRead, PickedTestImages, Probed
from engine.spec import RunSpec


class Status(StrEnum):
    """Where a run or an experiment stands. All but ``QUEUED`` and ``RUNNING`` are final."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    DIVERGED = "diverged"
    FAILED = "failed"
    CRASHED = "crashed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self not in (Status.QUEUED, Status.RUNNING)


class Control(StrEnum):
    """What can be asked of a training that is under way; answered within one recording interval.

    ``STOP`` ends it, keeps what was learned, tests and saves the model; ``CANCEL`` ends it without either. Records are
    kept in both cases.
    """

    STOP = "stop"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Device:
    """What a process computes on: ``kind`` is CPU or GPU, ``threads`` the size of its intra-op thread pool."""

    kind: str
    name: str
    threads: int


@dataclass(frozen=True)
class WorkerReady:
    """A process has loaded its libraries and waits for work.

    ``devices`` has the name of every device that can be asked for, by its key: cpu, gpu:0 and so on.
    """

    device: Device
    versions: dict[str, str]
    devices: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """A step of preparation: ``done`` of ``total`` (0 where unknown), ``message`` says of what."""

    message: str
    done: int
    total: int


@dataclass(frozen=True)
class DatasetReady:
    """The data set is on disk, decoded and described."""

    info: DatasetInfo


@dataclass(frozen=True)
class DatasetVerified:
    """A data set is on disk, decoded and whole; not ``sound`` where its images had changed and were decoded anew."""

    dataset: str
    sound: bool


@dataclass(frozen=True)
class SamplesReady:
    """Images to show in the data set chooser.

    ``images`` is uint8 [count, height, width, channels]; ``labels`` holds a class index for each; ``counts`` the
    number of training images of each class, ``test_counts`` that of its test images where the set has a test part.
    """

    dataset: str
    title: str
    class_names: tuple[str, ...]
    counts: tuple[int, ...]
    images: Array
    labels: tuple[int, ...]
    test_counts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Exported:
    """Results were written: how many files, to which folder."""

    folder: str
    files: int


@dataclass(frozen=True)
class TaskFailed:
    """A task that is not a run ended without its result; ``reason`` is a sentence for the user."""

    reason: str
    cancelled: bool = False


@dataclass(frozen=True)
class PlannedRun:
    """A run of an experiment as the store numbers it, with what is known before it starts."""

    run: int
    spec: RunSpec
    parameters: int
    total_steps: int


@dataclass(frozen=True)
class ExperimentStarted:
    """The plan is made and stored; runs will follow."""

    experiment: int
    name: str
    info: DatasetInfo
    runs: tuple[PlannedRun, ...]
    workers: int


@dataclass(frozen=True)
class RunsAdded:
    """Further runs of the experiment under way, planned from what the runs before them found."""

    runs: tuple[PlannedRun, ...]


@dataclass(frozen=True)
class ComputationStarted:
    """A computed experiment was stored and begins."""

    experiment: int
    name: str


@dataclass(frozen=True)
class ComputedPart:
    """Something a computed experiment found on its way, for whoever watches; ``name`` says what ``values`` are."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Computed:
    """A computed experiment's results: see :class:`~engine.experiments.base.Computation`."""

    findings: dict[str, Any]
    arrays: dict[str, Array]
    device: Device
    versions: dict[str, str]


@dataclass(frozen=True)
class RunStarted:
    """Training of a run begins. ``layers`` names the layers with parameters, first to last."""

    run: int
    device: Device
    versions: dict[str, str]
    layers: tuple[str, ...]
    steps_per_epoch: int


@dataclass(frozen=True)
class Record:
    """What was measured at one step.

    ``step`` and ``epoch`` count from 1. Training loss (nats) and accuracy (a fraction) are means over the batches since
    the last record; validation is over the whole validation set at that step. ``gradient_norms`` (L2, kernel only, on
    the batch of this step) and ``update_ratios`` (L2 norm of this step's update over that of the kernel before it)
    have one entry for each name in :attr:`RunStarted.layers`. ``dead_units`` has one entry for each activation of the
    network, or none where they were not counted: how many units (of a dense layer) or channels (of a convolution) gave
    0 for every validation image. ``seconds`` is wall time since training began.
    """

    run: int
    step: int
    epoch: int
    seconds: float
    training_loss: float
    training_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    gradient_norms: tuple[float, ...]
    update_ratios: tuple[float, ...]
    dead_units: tuple[int, ...] = ()


@dataclass(frozen=True)
class Weights:
    """A copy of one layer's kernel at a step (0: the initial values).

    float32, in PyTorch's layout: (units, inputs) for a dense layer, (out_channels, in_channels, height, width) for a
    convolution. ``input_shape`` is what the layer sees: (height, width, channels), or (inputs,) after a dense layer.
    """

    run: int
    step: int
    epoch: int
    layer: str
    input_shape: tuple[int, ...]
    values: Array


@dataclass(frozen=True)
class RunFinished:
    """A run has ended; comes exactly once for every run that was planned.

    ``seconds`` is training time, validation included, tracing and test left out; None if training did not end by
    itself or when asked. Test figures are None unless the run was tested; ``confusion`` is int [classes, classes],
    rows the true class. ``model`` is the saved file's path.
    """

    run: int
    status: Status
    reason: str = ""
    seconds: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    confusion: Array | None = None
    model: str | None = None


@dataclass(frozen=True)
class ExperimentFinished:
    """The experiment has ended; always the last event of a session."""

    experiment: int | None
    status: Status
    reason: str = ""


RunEvent = RunStarted | Record | Weights | RunFinished
Event = (
    WorkerReady
    | Progress
    | DatasetReady
    | DatasetVerified
    | SamplesReady
    | Exported
    | TaskFailed
    | ExperimentStarted
    | RunsAdded
    | ComputationStarted
    | ComputedPart
    | Computed
    | Probed
    | PickedTestImages
    | ImageRead
    | RunEvent
    | ExperimentFinished
)

Emit = Callable[[Event], None]
Poll = Callable[[], Control | None]


def is_sound(record: Record) -> bool:
    """Whether losses and gradient norms of a record are finite numbers.

    The loss alone doesn't tell: ReLU turns NaN into 0, so a network of broken weights can have a finite one.
    """
    return bool(np.isfinite([record.training_loss, record.validation_loss, *record.gradient_norms]).all())
