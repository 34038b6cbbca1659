"""Specs: frozen, typed and validated settings.

An experiment's spec is flat, one key per setting, so that ``--set key=value``, a TOML file and the form have the same
structure. It is composed of the groups below (``DataSpec``, ``NetworkSpec``, ``TrainingSpec``); ``RunSpec`` holds the
groups of a single run and is all that a training process receives.
"""

from __future__ import annotations

import re
from typing import Any, Literal, Self, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from engine.config.fields import FieldKind, describe, field
from engine.config.parsing import parse_json, parse_toml, unknown_key
from engine.utils.errors import SpecError
from engine.utils.text import safe_repr

Activation = Literal["relu", "sigmoid", "tanh", "elu", "gelu", "silu", "leaky_relu"]
Initializer = Literal["course", "keras"]
Normalization = Literal["half", "cifar10", "none", "bytes", "per-dataset"]
Optimizer = Literal["adam", "sgd", "rmsprop", "adamw"]
ValidationPrecision = Literal["float32", "bfloat16"]

SpecT = TypeVar("SpecT", bound="Spec")

# Lone surrogates, from undecodable file names or broken texts, can't be encoded as UTF-8.
_SURROGATES = re.compile("[\ud800-\udfff]")


class Spec(BaseModel):
    """Base class of specs: frozen, without unknown keys, NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _reject_wrong_types(cls, value: Any, info: ValidationInfo) -> Any:
        """Reject booleans for other fields, as bool is an int in Python, and texts that can't be stored as UTF-8.

        Raises:
            ValueError: with the reason.
        """
        is_bool = isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool
        items = value if isinstance(value, list | tuple) else ()
        if is_bool or any(isinstance(each, bool) for each in items):
            raise ValueError("true and false are no value for this setting.")
        if any(isinstance(each, str) and _SURROGATES.search(each) for each in (value, *items)):
            raise ValueError("it has characters that can't be written as UTF-8; rename or replace them.")
        return value

    def part(self, kind: type[SpecT]) -> SpecT:
        """Return the fields of the group ``kind`` as a spec of that group."""
        return kind(**{key: getattr(self, key) for key in kind.model_fields})

    @classmethod
    def build(cls, values: dict[str, Any]) -> Self:
        """Build a validated spec.

        Raises:
            SpecError: with one sentence, if a key is unknown or a value is invalid.
        """
        unknown = [key for key in values if key not in cls.model_fields]
        if unknown:
            raise SpecError(unknown_key(unknown[0], list(cls.model_fields)))
        try:
            return cls(**values)
        except ValidationError as error:
            raise SpecError(_error_message(cls, error)) from None

    def replace(self, **changes: Any) -> Self:
        """Return a validated copy with some fields changed; propagates ``SpecError``."""
        return type(self).build(self.model_dump() | changes)

    def to_json(self) -> str:
        """Return the spec as JSON; ``from_json`` restores it."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse a spec from JSON; propagates ``SpecError``."""
        return cls._from_table(parse_json(text))

    def to_toml(self) -> str:
        """Return the spec as TOML without its empty fields (None), as TOML has no null."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Parse a spec from TOML; propagates ``SpecError``."""
        return cls._from_table(parse_toml(text))

    @classmethod
    def _from_table(cls, values: Any) -> Self:
        if not isinstance(values, dict):
            raise SpecError("The settings must be a table of keys and values.")
        return cls.build(values)


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


class OptimizerSpec(Spec):
    """The optimiser."""

    optimizer: Optimizer = field("adam", label="Optimiser", help="Update rule; other parameters are Keras' defaults.")


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


class TrainingSpec(TrainingLoopSpec, RateSpec, OptimizerSpec):
    """How a run is trained and recorded."""


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


class ScheduleSpec(Spec):
    """The learning rate schedule of a run.

    Attributes:
        kind: ``constant``: the optimiser's rate throughout. ``step``: ``rates[i]`` until the end of epoch
            ``switches[i]``, the last rate from then on. ``exponential``: from ``rates[0]`` to ``rates[1]`` over the
            whole run, by the same factor at every step. ``cosine``: half a cosine from ``rates[0]`` to 0 at the end.
            ``plateau``: ``rates[0]``, divided by 10 whenever validation accuracy has not risen by ``delta`` for
            ``patience`` epochs.
        rates: learning rates; they replace ``RateSpec.learning_rate`` unless ``constant``.
        switches: epochs at which ``step`` changes the rate.
        patience: epochs without improvement before ``plateau`` lowers the rate.
        delta: improvement in validation accuracy, as a fraction, that ``plateau`` requires.
    """

    kind: Literal["constant", "step", "exponential", "cosine", "plateau"] = "constant"
    rates: tuple[float, ...] = ()
    switches: tuple[int, ...] = ()
    patience: int = 3
    delta: float = 0.005


class BaseRunSpec(Spec):
    """What is known of any run, whether this program trains it or another program logged it.

    Attributes:
        repeat: number of the repeat, from 1.
        seed: fixes the initial values and the order of the images; -1 if a logged run did not tell it.
        probe: whether the run searches settings for other runs; it is then not among the compared variants.
    """

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
    max_steps: int | None = None
    counts_dead_units: bool = False
    start_from: str | None = None

    @property
    def planned_epochs(self) -> int:
        """Epochs of its settings; ``max_steps`` may end it before."""
        return self.training.epochs

    @property
    def look(self) -> tuple[str, str]:
        """Architecture and activation."""
        return self.architecture, self.network.activation


# Built by the program, not by the user, so their fields have no descriptions.
_INTERNAL_SPECS = (BaseRunSpec, ScheduleSpec)


def _error_message(spec: type[Spec], error: ValidationError) -> str:
    """Return one sentence for pydantic's first error, using the label and bounds of the field."""
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    described = {} if issubclass(spec, _INTERNAL_SPECS) else {item.key: item for item in describe(spec)}
    if first["type"] == "value_error" and (reason := first.get("ctx", {}).get("error")) is not None:
        return f"{key}: {reason}" if key else str(reason)
    if key not in described:
        return f"The settings are not valid{f' at {key}' if key else ''}: {first['msg']}."
    item = described[key]
    return f"{key} can't be {safe_repr(first['input'])}; it takes {item.accepted}."
