"""Events of a run: its status, its records, its weights, its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from engine.config.logged_runs import LoggedRunSpec
from engine.config.specs import BaseRunSpec, RunSpec
from engine.events.devices import Device
from engine.utils.arrays import Array
from engine.utils.text import pluralise


class Status(StrEnum):
    """State of a run or an experiment. All but ``QUEUED``, ``RUNNING`` and ``PAUSED`` are final."""

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
        """Whether no further events follow."""
        return self not in (Status.QUEUED, Status.RUNNING, Status.PAUSED)

    @property
    def can_resume(self) -> bool:
        """Whether it ended early, by the user or by a failure, and can be resumed."""
        return self in (Status.INTERRUPTED, Status.STOPPED, Status.CANCELLED, Status.CRASHED, Status.FAILED)


def count_finished(statuses: Collection[Status]) -> str:
    """Say how many runs finished, and how the others ended: ``4 of 10 runs finished, 6 skipped``."""
    counts = Counter(statuses)
    others = [
        f", {counts[each]:,} {each}"
        for each in Status
        if each.is_final and each is not Status.FINISHED and counts[each]
    ]
    return f"{counts[Status.FINISHED]:,} of {pluralise(len(statuses), 'run')} finished{''.join(others)}"


def has_unfinished_work(status: Status, unfinished_runs: int, planned_runs: int) -> bool:
    """Return whether an experiment has something left to run.

    Args:
        status: that of the experiment.
        unfinished_runs: how many of its runs can be resumed.
        planned_runs: how many runs it has; one that ended before its plan was stored has none.
    """
    return unfinished_runs > 0 or status is Status.INTERRUPTED or (status.can_resume and not planned_runs)


class InterventionKind(StrEnum):
    """Kinds of ``Intervention``.

    ``CONTINUED``: the run was interrupted and resumed from a checkpoint, which changes no number. ``MOVED``: it was
    resumed on another device, with another library, other threads or other versions, which may.
    """

    PAUSED = "paused"
    RESUMED = "resumed"
    LEARNING_RATE = "learning rate"
    CONTINUED = "continued"
    MOVED = "continued elsewhere"


@dataclass(frozen=True)
class Intervention:
    """A change to a run while it trains, beside its settings: pause, resume, new learning rate, restart.

    Attributes:
        step: the last step before it.
        seconds: training time until then.
        value: the new learning rate, if that is the kind.
    """

    run: int
    step: int
    seconds: float
    kind: InterventionKind
    value: float | None = None

    @property
    def label(self) -> str:
        """Label shown beside the curve."""
        return f"rate {self.value:g}" if self.value is not None else self.kind.value


RECORDS_OF_SHORT_RUN = 10


def record_interval(total_steps: int, record_every: int) -> int:
    """Return the steps between records: ``record_every``, or fewer in a run too short for two records."""
    return record_every if total_steps >= 2 * record_every else max(1, total_steps // RECORDS_OF_SHORT_RUN)


@dataclass(frozen=True)
class PlannedRun:
    """A run of an experiment, numbered by the store.

    Attributes:
        parameters: number of the network's parameters; 0 if a logged run did not tell it.
        total_steps: number of optimiser steps; 0 likewise.
    """

    run: int
    spec: BaseRunSpec
    parameters: int
    total_steps: int

    @property
    def trained_spec(self) -> RunSpec:
        """Its spec, for a run that this program trains.

        Raises:
            TypeError: if another program logged it.
        """
        if not isinstance(self.spec, RunSpec):
            raise TypeError(f"run {self.run} is not trained by this program")
        return self.spec

    @property
    def is_logged(self) -> bool:
        """Whether another program trains and logs it."""
        return isinstance(self.spec, LoggedRunSpec)

    @property
    def record_interval(self) -> int:
        """Steps between records, which may be fewer than set; 0 for a logged run, which records at steps of its own."""
        if not isinstance(self.spec, RunSpec):
            return 0
        return record_interval(self.total_steps, self.spec.training.record_every)

    @property
    def images_per_record(self) -> int:
        """Training images over which a record's training loss is averaged; 0 if unknown."""
        if isinstance(self.spec, LoggedRunSpec):
            return self.spec.images_per_record
        return self.trained_spec.training.batch_size * self.record_interval


@dataclass(frozen=True)
class RunStarted:
    """Training of a run starts.

    Attributes:
        layers: names of the layers with parameters, first to last.
        activations: names of the activations, first to last.
        units: number of units (dense) or channels (convolution) of each activation.
        after: the step of the checkpoint from which the run resumes; records of later steps are sent again.
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
    """Measurements at one step.

    ``gradient_norms`` and ``update_ratios`` have one entry for each of ``RunStarted.layers``; ``dead_units``,
    ``activation_means`` and ``activation_deviations`` one for each of ``RunStarted.activations``, or none.

    In a record of a run that this program trains, a number that is not finite was computed so. A logged run need not
    have every number at every step: there NaN stands for one that was not logged, and infinity for one that was logged
    and is not finite.

    Attributes:
        step: from 1.
        epoch: from 1; 0 if unknown.
        seconds: wall time since training started, without pauses.
        training_loss: mean cross-entropy over the batches since the last record, in nats; of augmented images if they
            are augmented, but without label smoothing and class weights, so that runs with and without can be compared.
        training_accuracy: mean over the same batches, a fraction.
        validation_loss: over the whole validation set at this step, in nats; with the averaged weights if an average
            is kept (``RegularizationSpec.ema_momentum``), as are the other validation measurements.
        validation_accuracy: over the whole validation set at this step, a fraction.
        gradient_norms: L2 norm of the gradient of the weights, without biases, on the batch of this step,
            before clipping.
        update_ratios: L2 norm of this step's update, weight decay included, over that of the weights before it,
            without biases.
        dead_units: number of units that are 0 for all of the validation images evaluated
            (``RunSpec.counts_dead_units``).
        activation_means: mean output over the same images.
        activation_deviations: standard deviation of the output over the same images.
        metrics: name and value of any further numbers of a logged run.
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
    metrics: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Weights:
    """A copy of one layer's weights, without biases, at a step (0: the initial values).

    Attributes:
        input_shape: the layer's input: (height, width, channels), or (inputs,) after a dense layer.
        values: float32 in PyTorch's layout: (units, inputs) for a dense layer, (out_channels, in_channels, height,
            width) for a convolution.
    """

    run: int
    step: int
    epoch: int
    layer: str
    input_shape: tuple[int, ...]
    values: Array


@dataclass(frozen=True)
class Checkpoint:
    """The complete state of a run after ``step``, from which it resumes exactly; see ``engine.training.checkpoints``.

    Only for the store: the session passes it to nobody else.
    """

    run: int
    step: int
    data: bytes


@dataclass(frozen=True)
class Interrupted:
    """Where an interrupted run resumes.

    Attributes:
        checkpoint: data of the ``Checkpoint``; None to start from the beginning.
        rates: learning rates set by the user after the checkpoint, each with the step after which it was set.
    """

    checkpoint: bytes | None
    rates: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Mistake:
    """A misclassified test image.

    Attributes:
        image: its position in the test set.
        true: index of its class.
        predicted: index of the predicted class.
        confidence: the predicted class's probability.
        pixels: the network's input as uint8 [height, width, channels], scaled from its minimum (black) to its maximum
            (white) over the test set.
    """

    image: int
    true: int
    predicted: int
    confidence: float
    pixels: Array


@dataclass(frozen=True)
class KeptWeights:
    """Weights of an earlier epoch that early stopping gave to the network in place of the last ones.

    Attributes:
        step: the last step of that epoch.
        epoch: its number, from 1.
        epochs: number of the epoch in which training ended.
        planned_epochs: number of epochs of the settings.
        stopped_early: whether training ended because validation no longer improved.
    """

    step: int
    epoch: int
    epochs: int
    planned_epochs: int
    stopped_early: bool

    @property
    def sentence(self) -> str:
        """Such as ``Stopped early after epoch 7 of 15; the weights of epoch 4 were kept.``."""
        if self.stopped_early:
            return (
                f"Stopped early after epoch {self.epochs} of {self.planned_epochs}; the weights of epoch {self.epoch} "
                "were kept."
            )
        return f"The weights of epoch {self.epoch} were kept, the best until training ended in epoch {self.epochs}."


@dataclass(frozen=True)
class RunFinished:
    """A run has ended; sent exactly once for every planned run.

    Attributes:
        seconds: training time with validation, without tracing and test; None if training was ended by a failure.
        test_loss: None unless the run was tested, like the other test figures.
        confusion: int [classes, classes], rows are the true class.
        model: path of the saved network.
        mistakes: the misclassified test images with the highest confidence, in descending order.
        steps: number of steps made; None as ``seconds``.
        kept: the weights that were tested and saved, if not those after the last step.
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
    kept: KeptWeights | None = None


@dataclass(frozen=True)
class RunRestored:
    """A run as stored, in place of the events it once sent.

    Attributes:
        started: None if the run never started.
        curves: float64 [records] for ``step``, ``epoch`` and each number of a ``Record``.
        layer_curves: float32 [records, layers or activations] for each tuple of a ``Record``.
        metrics: float64 [records] for each further number of a logged run, NaN where it was not logged.
        weights: the newest weights of each layer.
        finished: None if the run has not ended.
    """

    run: int
    status: Status
    started: RunStarted | None
    curves: dict[str, Array]
    layer_curves: dict[str, Array]
    weights: tuple[Weights, ...]
    interventions: tuple[Intervention, ...]
    finished: RunFinished | None
    metrics: dict[str, Array] = field(default_factory=dict)


RunEvent = RunStarted | Record | Weights | Intervention | Checkpoint | RunFinished


def is_finite(record: Record) -> bool:
    """Return whether losses and gradient norms of a record are finite.

    The loss alone is not enough: ReLU maps NaN to 0, so a network with NaN weights can have a finite loss.
    """
    return bool(np.isfinite([record.training_loss, record.validation_loss, *record.gradient_norms]).all())
