"""Specs: frozen, typed and validated settings.

An experiment's spec is flat, one key per setting, so that ``--set key=value``, a TOML file and the form have the same
structure. It is composed of the groups below (``DataSpec``, ``NetworkSpec``, ``TrainingSpec``); ``RunSpec`` holds the
groups of a single run and is all that a training process receives.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from engine.config.augmentation import AugmentationSpec
from engine.config.base import Spec
from engine.config.early_stopping import EarlyStoppingSpec
from engine.config.fields import FieldKind, field
from engine.config.optimization import OptimizerSpec, RegularizationSpec
from engine.config.rate_schedule import RateScheduleSpec, ScheduleSpec

Activation = Literal["relu", "sigmoid", "tanh", "elu", "gelu", "silu", "leaky_relu"]
Initializer = Literal["course", "keras"]
Normalization = Literal["half", "cifar10", "none", "bytes", "per-dataset"]
ValidationPrecision = Literal["float32", "bfloat16"]


class DataSpec(Spec):
    """Which images a run uses and how they are prepared."""

    dataset: str = field(
        "digits",
        label="Data set",
        group="Data",
        kind=FieldKind.DATASET,
        min_length=1,
        help="The name of a data set (--list), a folder of images (train/<class>/*.png) or a file (.npz, .npy, IDX).",
    )
    grayscale: bool = field(
        True,
        label="Grayscale",
        group="Data",
        help="One luminance channel (0.2989 R + 0.587 G + 0.114 B), taken after normalisation as in the course.",
    )
    normalization: Normalization = field(
        "half",
        label="Normalisation",
        group="Data",
        choice_labels={
            "half": "half: [-1, 1]",
            "cifar10": "cifar10: its means",
            "none": "none: [0, 1]",
            "bytes": "bytes: [0, 255]",
        },
        help="half: (x - 0.5) / 0.5, so [-1, 1]; cifar10: the published channel means and deviations; none: [0, 1]; "
        "bytes: [0, 255]; per-dataset: mean and deviation of this training set.",
    )
    image_size: int | None = field(
        None,
        label="Image side",
        unit="px",
        group="Data",
        ge=4,
        le=512,
        help="Images are resized to this square side; empty keeps the size they are stored in (digits: 32).",
    )
    skip_broken_images: bool = field(
        False,
        label="Skip broken images",
        group="Data",
        help="Leave image files that can't be read out, and say how many; otherwise they are named and nothing is "
        "trained.",
    )
    validation_fraction: float = field(
        0.1,
        label="Validation share",
        group="Data",
        gt=0,
        lt=1,
        help="Share of the training images held back for validation, the same share of every class, where the data "
        "set has no validation part of its own.",
    )
    test_fraction: float = field(
        0.2,
        label="Test share",
        group="Data",
        gt=0,
        lt=1,
        help="Share held back for testing where the data set has no test part of its own, as digits has none.",
    )


class ActivationSpec(Spec):
    """The activation function of a network."""

    activation: Activation = field(
        "relu", label="Activation", group="Network", help="The non-linearity after each hidden layer."
    )


class InitializerSpec(Spec):
    """The initialisation of a network."""

    initializer: Initializer = field(
        "course",
        label="Initial values",
        group="Network",
        help="course: uniform in ±1/sqrt(fan-in) for kernels and biases (PyTorch's rule); keras: Glorot uniform "
        "kernels, zero biases.",
    )


# pydantic lists inherited fields from the last base to the first, here and below.
class NetworkSpec(InitializerSpec, ActivationSpec):
    """Activation function and initialisation of a network."""


class RateSpec(Spec):
    """The learning rate of a run."""

    learning_rate: float = field(
        0.001, label="Learning rate", gt=0, le=1000, help="Step size of the optimiser (Adam's default is 0.001)."
    )


class TrainingLoopSpec(Spec):
    """Length, batches, recording interval and validation precision of a run."""

    batch_size: int = field(50, label="Batch size", unit="images", ge=1, le=65536, help="Images per optimiser step.")
    epochs: int = field(15, label="Epochs", ge=1, le=100_000, help="Passes over the training images.")
    record_every: int = field(
        10, label="Record every", unit="steps", ge=1, le=100_000, help="Optimiser steps between two records."
    )
    validation_precision: ValidationPrecision = field(
        "float32",
        label="Validation in",
        choice_labels={"float32": "float32: exact", "bfloat16": "bfloat16: faster"},
        help="bfloat16 rounds to 8 bits where the validation images are evaluated, and nowhere else: faster on "
        "processors that have it, while validation accuracy moves by about a tenth of a point.",
    )


class TrainingSpec(EarlyStoppingSpec, RateScheduleSpec, RegularizationSpec, TrainingLoopSpec, RateSpec, OptimizerSpec):
    """How a run is trained and recorded."""

    @property
    def step_settings(self) -> tuple[str, ...]:
        """What the optimiser and the loss compute in a step, as far as it changes the time of the step."""
        costly = {
            "momentum": self.momentum > 0,
            "nesterov": self.nesterov,
            "weight decay": bool(self.weight_decay),
            "clipping": self.clip_norm is not None,
            "label smoothing": self.label_smoothing > 0,
            "class weights": self.class_weights != "none",
            "weight average": self.ema_momentum > 0,
        }
        return self.optimizer, *(name for name, is_used in costly.items() if is_used)


class RepeatSpec(Spec):
    """How often an experiment repeats each variant, and with which seeds."""

    repeats: int = field(
        10, label="Repeats", unit="runs", ge=1, le=1000, help="Runs of each variant; run k uses seed + k - 1."
    )
    seed: int = field(0, label="Seed", ge=0, le=2**31 - 1, help="Fixes initial values and the order of the images.")

    def seed_of(self, repeat: int) -> int:
        """Return the seed of a repeat; these count from 1."""
        return self.seed + repeat - 1


class ExperimentSpec(Spec):
    """Base class of the specs that experiments declare in ``engine/experiments``."""


class BaseRunSpec(Spec):
    """What is known of any run, whether this program trains it or another program logged it.

    Attributes:
        repeat: number of the repeat, from 1.
        seed: fixes the initial values and the order of the images; -1 if a logged run did not tell it.
        probe: whether the run searches settings for other runs; it is then not among the compared variants.
    """

    is_internal: ClassVar[bool] = True

    variant: str
    repeat: int
    seed: int
    probe: bool = False

    @property
    def planned_epochs(self) -> int:
        """Epochs of its settings; 0 if unknown."""
        raise NotImplementedError

    @property
    def look(self) -> tuple[str, str]:
        """What the colour and the line pattern of its curves stand for: architecture and activation."""
        raise NotImplementedError


class RunSpec(BaseRunSpec):
    """A run that this program trains, complete in itself: all that a training process receives.

    The split into training and validation images depends on the data set alone, so that runs of any seed are validated
    on the same images.

    Attributes:
        schedule: replaces the schedule of ``training`` unless ``constant``; the warm-up precedes either.
        max_steps: ends the run before its epochs do.
        counts_dead_units: whether activations are evaluated on all validation images at every record, instead of on
            the first 500.
        start_from: file of a trained network with whose weights the run starts.
    """

    architecture: str
    data: DataSpec
    network: NetworkSpec
    training: TrainingSpec
    schedule: ScheduleSpec = ScheduleSpec()
    augmentation: AugmentationSpec = AugmentationSpec()
    max_steps: int | None = None
    counts_dead_units: bool = False
    start_from: str | None = None

    @property
    def planned_epochs(self) -> int:
        """Epochs of its settings; ``max_steps`` may end it before."""
        return self.training.epochs

    @property
    def effective_schedule(self) -> ScheduleSpec:
        """The schedule that the run follows after its warm-up."""
        training = self.training
        if self.schedule.kind != "constant" or training.rate_over_time == "constant":
            return self.schedule
        return ScheduleSpec(
            kind=training.rate_over_time, rates=(training.learning_rate,), period=training.restart_period
        )

    @property
    def look(self) -> tuple[str, str]:
        """Architecture and activation."""
        return self.architecture, self.network.activation
