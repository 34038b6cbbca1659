"""What a user asks for: frozen, typed and validated.

An experiment's spec is flat, one key a setting, so that ``--set key=value``, a TOML file and a row of the form are the
same thing. It is composed of the groups below (:class:`DataSpec`, :class:`NetworkSpec`, :class:`TrainingSpec`);
:class:`RunSpec` holds the groups of one single run and is all that a training process is handed.
"""

from __future__ import annotations

import re
from typing import Any, Literal, Self, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from engine.config.fields import FieldKind, describe, field
from engine.config.parsing import parse_json, parse_toml, unknown_key
from engine.utils.errors import SpecError
from engine.utils.text import shown

Activation = Literal["relu", "sigmoid", "tanh", "elu", "gelu", "silu", "leaky_relu"]


Initializer = Literal["course", "keras"]


Normalization = Literal["half", "cifar10", "none", "bytes", "per-dataset"]


Optimizer = Literal["adam", "sgd", "rmsprop", "adamw"]


ValidationPrecision = Literal["float32", "bfloat16"]


Part = TypeVar("Part", bound="Spec")

# What stands for bytes of a file's name that are no UTF-8, and what broken texts hold: it can't be stored.
_HALVES = re.compile("[\ud800-\udfff]")


class Spec(BaseModel):
    """Base of every spec: frozen, no unknown keys, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Python counts True as 1; a file that says ``epochs = true`` is mistaken all the same."""
        mistaken = isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation is not bool
        items = value if isinstance(value, list | tuple) else ()
        if mistaken or any(isinstance(each, bool) for each in items):
            raise ValueError("true and false are no value for this setting.")
        if any(isinstance(each, str) and _HALVES.search(each) for each in (value, *items)):
            raise ValueError("it has characters that can't be written as UTF-8; rename or replace them.")
        return value

    def part(self, kind: type[Part]) -> Part:
        """The fields of this spec that belong to the group ``kind``, as a spec of that group."""
        return kind(**{key: getattr(self, key) for key in kind.model_fields})

    @classmethod
    def build(cls, values: dict[str, Any]) -> Self:
        """A validated spec from ``values``; raises :class:`SpecError` with one sentence otherwise."""
        unknown = [key for key in values if key not in cls.model_fields]
        if unknown:
            raise SpecError(unknown_key(unknown[0], list(cls.model_fields)))
        try:
            return cls(**values)
        except ValidationError as error:
            raise SpecError(_sentence(cls, error)) from None

    def replace(self, **changes: Any) -> Self:
        """A validated copy with some fields changed."""
        return type(self).build(self.model_dump() | changes)

    def to_json(self) -> str:
        """The spec as JSON text; :meth:`from_json` gives an equal spec back."""
        return self.model_dump_json(indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A spec from JSON text; raises :class:`SpecError`."""
        return cls._from_table(parse_json(text))

    def to_toml(self) -> str:
        """The spec as TOML text; fields that are empty (None) are left out, as TOML has no null."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """A spec from TOML text; raises :class:`SpecError`."""
        return cls._from_table(parse_toml(text))

    @classmethod
    def _from_table(cls, values: Any) -> Self:
        if not isinstance(values, dict):
            raise SpecError("The settings must be a table of keys and values.")
        return cls.build(values)


class DataSpec(Spec):
    """Which images a run sees and how they are prepared."""

    dataset: str = field(
        "digits",
        label="Data set",
        group="Data",
        kind=FieldKind.DATASET,
        min_length=1,
        help="digits, cifar10, mnist, fashion_mnist, a folder of images (train/<class>/*.png) or an .npz file.",
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
    validation_fraction: float = field(
        0.1,
        label="Validation share",
        group="Data",
        gt=0,
        lt=1,
        help="Share of the training images held back for validation, the same share of every class.",
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
    """Which non-linearity a network has."""

    activation: Activation = field(
        "relu", label="Activation", group="Network", help="The non-linearity after each hidden layer."
    )


class InitializerSpec(Spec):
    """How a network starts."""

    initializer: Initializer = field(
        "course",
        label="Initial values",
        group="Network",
        help="course: uniform in ±1/sqrt(fan-in) for kernels and biases (PyTorch's rule); keras: Glorot uniform "
        "kernels, zero biases.",
    )


# pydantic lists inherited fields from the last base to the first, here and below.
class NetworkSpec(InitializerSpec, ActivationSpec):
    """How a network's layers behave and start."""


class OptimizerSpec(Spec):
    """Which update rule is used."""

    optimizer: Optimizer = field("adam", label="Optimiser", help="Update rule; other parameters are Keras' defaults.")


class RateSpec(Spec):
    """The learning rate of a run."""

    learning_rate: float = field(
        0.001, label="Learning rate", gt=0, le=1000, help="Step size of the optimiser (Adam's default is 0.001)."
    )


class PassesSpec(Spec):
    """How long one run is trained, in which batches, and how often it is recorded."""

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


class TrainingSpec(PassesSpec, RateSpec, OptimizerSpec):
    """How one run is trained and recorded."""


class RepeatSpec(Spec):
    """How often an experiment repeats each variant, and from which seed."""

    repeats: int = field(
        10, label="Repeats", unit="runs", ge=1, le=1000, help="Runs of each variant; run k uses seed + k - 1."
    )
    seed: int = field(0, label="Seed", ge=0, le=2**31 - 1, help="Fixes initial values and the order of the images.")


class ExperimentSpec(Spec):
    """Base of the specs that experiments declare in ``engine/experiments``."""


class ScheduleSpec(Spec):
    """How the learning rate changes within a run.

    ``kind`` is one of Keras' schedules. ``constant``: the optimiser's rate throughout. ``step``: ``rates[i]`` until the
    end of epoch ``switches[i]``, the last rate from then on. ``exponential``: from ``rates[0]`` to ``rates[1]`` over
    the whole run, by the same factor at every step. ``cosine``: half a cosine from ``rates[0]`` to 0 at the end.
    ``plateau``: ``rates[0]``, divided by 10 whenever validation accuracy has not risen by ``delta`` (a fraction) for
    ``patience`` epochs. Rates count instead of :attr:`TrainingSpec.learning_rate` except where ``constant``.
    """

    kind: Literal["constant", "step", "exponential", "cosine", "plateau"] = "constant"
    rates: tuple[float, ...] = ()
    switches: tuple[int, ...] = ()
    patience: int = 3
    delta: float = 0.005


class RunSpec(Spec):
    """One run, complete in itself: what a training process is handed.

    ``repeat`` counts from 1; ``seed`` fixes the initial values and the order of the images. The split into training and
    validation images depends on the data set alone, so that runs of any seed are validated on the same images.
    ``max_steps`` ends a run before its epochs do. Activations are looked at for the first 500 validation images at
    every record, or for all of them where it ``counts_dead_units``. A ``probe`` finds settings for other runs and is
    not among the variants that are compared. ``start_from`` is the file of a trained network whose weights it begins
    with.
    """

    variant: str
    architecture: str
    repeat: int
    seed: int
    data: DataSpec
    network: NetworkSpec
    training: TrainingSpec
    schedule: ScheduleSpec = ScheduleSpec()
    max_steps: int | None = None
    counts_dead_units: bool = False
    probe: bool = False
    start_from: str | None = None


# Written by the program, not by a person: their fields are described nowhere.
_OF_RUNS = (RunSpec, ScheduleSpec)


def _sentence(spec: type[Spec], error: ValidationError) -> str:
    """One sentence for the first of pydantic's complaints, in the words of the field's declaration."""
    first = error.errors(include_url=False)[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    described = {} if issubclass(spec, _OF_RUNS) else {item.key: item for item in describe(spec)}
    if first["type"] == "value_error" and (reason := first.get("ctx", {}).get("error")) is not None:
        return f"{key}: {reason}" if key else str(reason)
    if key not in described:
        return f"The settings are not valid{f' at {key}' if key else ''}: {first['msg']}."
    item = described[key]
    return f"{key} can't be {shown(first['input'])}; it takes {item.accepted}."
