"""Events of a run: its status, its records, its weights, its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from engine.config.specs import RunSpec
from engine.events.devices import Device
from engine.utils.arrays import Array


class Status(StrEnum):
    """Where a run or an experiment stands. All but ``QUEUED``, ``RUNNING`` and ``PAUSED`` are final."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    DIVERGED = "diverged"
    FAILED = "failed"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self not in (Status.QUEUED, Status.RUNNING, Status.PAUSED)

    @property
    def can_go_on(self) -> bool:
        """Whether it was ended, by hand or by misfortune, before it had come to what it was for."""
        return self in (Status.INTERRUPTED, Status.STOPPED, Status.CANCELLED, Status.CRASHED, Status.FAILED)


class InterventionKind(StrEnum):
    """What befell a run while it trained.

    ``CONTINUED``: it was interrupted and went on from a checkpoint, which changes no number. ``MOVED``: it did so on
    another device, with other threads or other versions of the libraries, which may.
    """

    PAUSED = "paused"
    RESUMED = "resumed"
    LEARNING_RATE = "learning rate"
    CONTINUED = "continued"
    MOVED = "continued elsewhere"


@dataclass(frozen=True)
class Intervention:
    """Something that befell a run after step ``step``, beside what its settings say.

    ``seconds`` is the training time until then, ``value`` the new learning rate where that is the kind.
    """

    run: int
    step: int
    seconds: float
    kind: InterventionKind
    value: float | None = None

    @property
    def label(self) -> str:
        """What to write beside the curve."""
        return f"rate {self.value:g}" if self.value is not None else self.kind.value


@dataclass(frozen=True)
class PlannedRun:
    """A run of an experiment as the store numbers it, with what is known before it starts."""

    run: int
    spec: RunSpec
    parameters: int
    total_steps: int


@dataclass(frozen=True)
class RunStarted:
    """Training of a run begins.

    ``layers`` names the layers with parameters, first to last; ``activations`` the activations, and ``units`` says how
    many units (of a dense layer) or channels (of a convolution) each of them has. A run that goes on from a checkpoint
    does so after step ``after``: what was recorded of later ones comes again.
    """

    run: int
    device: Device
    versions: dict[str, str]
    layers: tuple[str, ...]
    steps_per_epoch: int
    activations: tuple[str, ...] = ()
    units: tuple[int, ...] = ()
    after: int = 0


@dataclass(frozen=True)
class Record:
    """What was measured at one step.

    ``step`` and ``epoch`` count from 1. Training loss (nats) and accuracy (a fraction) are means over the batches since
    the last record; validation is over the whole validation set at that step. ``gradient_norms`` (L2, kernel only, on
    the batch of this step) and ``update_ratios`` (L2 norm of this step's update over that of the kernel before it)
    have one entry for each name in :attr:`RunStarted.layers`. The last three have one entry for each name in
    :attr:`RunStarted.activations`: mean and standard deviation of what it gave over the validation images looked at,
    and how many of its units gave 0 for all of them (:attr:`~engine.config.specs.RunSpec.counts_dead_units` says for which).
    ``seconds`` is wall time since training began, pauses left out.
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
    activation_means: tuple[float, ...] = ()
    activation_deviations: tuple[float, ...] = ()


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
class Checkpoint:
    """All that a run needs to go on after step ``step`` as if nothing had been; see :mod:`engine.training.checkpoints`.

    For the store alone: the session shows it to nobody.
    """

    run: int
    step: int
    data: bytes


@dataclass(frozen=True)
class Interrupted:
    """Where a run was interrupted: the data of its :class:`Checkpoint`, None where it begins anew.

    ``rates`` are learning rates set by hand after it, each with the step after which it was set.
    """

    checkpoint: bytes | None
    rates: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Mistake:
    """A test image that the network got wrong.

    ``image`` is its position in the test set; ``true`` and ``predicted`` are class indices; ``confidence`` is the
    probability given to the predicted class; ``pixels`` is the image as the network saw it, uint8 [height, width,
    channels], black its least value in the test set and white its largest.
    """

    image: int
    true: int
    predicted: int
    confidence: float
    pixels: Array


@dataclass(frozen=True)
class RunFinished:
    """A run has ended; comes exactly once for every run that was planned.

    ``seconds`` is training time, validation included, tracing and test left out, ``steps`` the steps made; both are
    None if training did not end by itself or when asked. Test figures are None unless the run was tested;
    ``confusion`` is int [classes, classes], rows the true class; ``mistakes`` are the wrong test images the network was
    surest of, surest first. ``model`` is the saved file's path.
    """

    run: int
    status: Status
    reason: str = ""
    seconds: float | None = None
    test_loss: float | None = None
    test_accuracy: float | None = None
    confusion: Array | None = None
    model: str | None = None
    mistakes: tuple[Mistake, ...] = ()
    steps: int | None = None


@dataclass(frozen=True)
class RunRestored:
    """A run as the store holds it, all at once; comes in place of the events it once sent.

    ``curves`` holds one float64 [records] for ``step``, ``epoch`` and each number of a :class:`Record`;
    ``layer_curves`` one float32 [records, layers or activations] for each of its tuples. ``weights`` are the newest
    kernels. ``started`` and ``finished`` are None where the run did not come so far.
    """

    run: int
    status: Status
    started: RunStarted | None
    curves: dict[str, Array]
    layer_curves: dict[str, Array]
    weights: tuple[Weights, ...]
    interventions: tuple[Intervention, ...]
    finished: RunFinished | None


RunEvent = RunStarted | Record | Weights | Intervention | Checkpoint | RunFinished


def is_sound(record: Record) -> bool:
    """Whether losses and gradient norms of a record are finite numbers.

    The loss alone doesn't tell: ReLU turns NaN into 0, so a network of broken weights can have a finite one.
    """
    return bool(np.isfinite([record.training_loss, record.validation_loss, *record.gradient_norms]).all())
