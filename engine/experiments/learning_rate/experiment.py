"""Part 5 of the homework, first half: one architecture under several learning rates, and a range test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import field_validator, model_validator

from engine.analysis.blocks import NamedFigure
from engine.config.augmentation import AugmentationSpec
from engine.config.early_stopping import EarlyStoppingSpec
from engine.config.fields import FieldKind, field, field_like
from engine.config.optimization import Optimizer, OptimizerSpec, RegularizationSpec
from engine.config.rate_schedule import RateScheduleSpec, ScheduleSpec
from engine.config.specs import (
    DataSpec,
    ExperimentSpec,
    NetworkSpec,
    RepeatSpec,
    RunSpec,
    TrainingLoopSpec,
    TrainingSpec,
)
from engine.experiments.base import CourseDictionary, TrainingExperiment
from engine.experiments.fields import ArchitectureChoice, Rate
from engine.experiments.learning_rate.claims import learning_rate_claims
from engine.experiments.learning_rate.range_test import RANGE_TEST, smooth_losses, suggest_rate
from engine.networks.architectures import architecture_name

if TYPE_CHECKING:
    from engine.analysis.results import ExperimentResult
    from engine.events.runs import Record


class LearningRateSpec(
    EarlyStoppingSpec,
    RateScheduleSpec,
    RegularizationSpec,
    RepeatSpec,
    TrainingLoopSpec,
    OptimizerSpec,
    ArchitectureChoice,
    NetworkSpec,
    AugmentationSpec,
    DataSpec,
    ExperimentSpec,
):
    """The learning rates to compare, the architecture, and the range test."""

    optimizer: Optimizer = field_like(OptimizerSpec, "optimizer", "sgd")
    epochs: int = field_like(TrainingLoopSpec, "epochs", 20)
    rates: tuple[Rate, ...] = field(
        (0.1, 0.01, 0.001),
        label="Learning rates",
        kind=FieldKind.NUMBERS,
        help="Step sizes to compare, each from 0 to 1000, separated by commas.",
    )
    range_test: bool = field(
        True,
        label="Range test",
        help="Also train some steps in which the rate grows by the same factor at each, and suggest a rate.",
    )
    range_steps: int = field(
        200, label="Test steps", unit="steps", ge=10, le=10_000, help="Optimiser steps of the range test."
    )
    range_low: float = field(1e-4, label="Test from", gt=0, le=1, help="Learning rate at which the range test begins.")
    range_high: float = field(
        10.0, label="Test to", gt=0, le=1000, help="Learning rate at which the range test ends, if it comes so far."
    )

    @field_validator("rates")
    @classmethod
    def _check_rates(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        if not rates:
            raise ValueError("name at least one learning rate.")
        if len({f"{rate:g}" for rate in rates}) < len(rates):  # as formatted in the variants' names
            raise ValueError("name each learning rate once; they must differ within six digits.")
        return rates

    @model_validator(mode="after")
    def _check_range(self) -> LearningRateSpec:
        if self.range_low >= self.range_high:
            raise ValueError("range_low must be smaller than range_high.")
        return self


def plan(spec: LearningRateSpec) -> list[RunSpec]:
    """Plan the range test first, as it is short; then every rate, repeated."""
    tests = [_range_test(spec)] if spec.range_test else []
    return tests + [
        _run(spec, variant_name(spec.architecture, rate), repeat, rate)
        for repeat in range(1, spec.repeats + 1)
        for rate in spec.rates
    ]


def variant_name(architecture: str, rate: float) -> str:
    """Return the variant's name, such as ``cnn_4/0.01``."""
    return f"{architecture_name(architecture)}/{rate:g}"


def _run(spec: LearningRateSpec, variant: str, repeat: int, rate: float, **changes: Any) -> RunSpec:
    values: dict[str, Any] = {
        "variant": variant,
        "architecture": spec.architecture,
        "repeat": repeat,
        "seed": spec.seed_of(repeat),
        "data": spec.part(DataSpec),
        "network": spec.part(NetworkSpec),
        "training": _training(spec, rate),
        "augmentation": spec.part(AugmentationSpec),
    }
    return RunSpec(**(values | changes))


def _training(spec: LearningRateSpec, rate: float, **changes: Any) -> TrainingSpec:
    groups = (OptimizerSpec, RegularizationSpec, RateScheduleSpec, EarlyStoppingSpec, TrainingLoopSpec)
    values = {key: value for group in groups for key, value in spec.part(group).model_dump().items()}
    return TrainingSpec(**(values | {"learning_rate": rate} | changes))


def _range_test(spec: LearningRateSpec) -> RunSpec:
    return _run(
        spec,
        RANGE_TEST,
        repeat=1,
        rate=spec.range_low,
        training=_training(
            spec,
            spec.range_low,
            record_every=1,
            **RateScheduleSpec().model_dump(),
            **EarlyStoppingSpec().model_dump(),
        ),
        schedule=ScheduleSpec(kind="exponential", rates=(spec.range_low, spec.range_high)),
        max_steps=spec.range_steps,
        probe=True,
    )


def findings(_spec: LearningRateSpec, result: ExperimentResult) -> dict[str, Any]:
    """Return ``range_test``: the suggested rate, the range of rates tried, and the number of steps."""
    test = result.variant(RANGE_TEST)
    if test is None or not test.runs:
        return {}
    records = test.runs[0].records
    rates, losses = _curve(records)
    return {
        "range_test": {
            "suggested_rate": suggest_rate(rates, losses),
            "rates_tried": [rates[0], rates[-1]],
            "steps": len(records),
        }
    }


def _curve(records: Sequence[Record]) -> tuple[list[float], list[float]]:
    return [record.learning_rate for record in records], [record.training_loss for record in records]


def batch_lines(found: dict[str, Any]) -> Iterator[str]:
    """Format the rate that the range test suggests."""
    if test := found.get("range_test"):
        low, high = test["rates_tried"]
        rate = "none (the loss hardly fell)" if test["suggested_rate"] is None else f"{test['suggested_rate']:.2g}"
        yield f"Range test from {low:.2g} to {high:.2g}: suggested rate {rate}"


def figures(result: ExperimentResult) -> Iterator[NamedFigure]:
    """Draw training loss and validation accuracy of every rate, and the range test."""
    from engine.analysis.figures import loss_and_validation
    from engine.experiments.learning_rate.figures import range_test_panel

    yield NamedFigure(
        "part5",
        loss_and_validation(result, result.compared),
        "Training loss and validation accuracy at each learning rate.",
    )
    test = result.variant(RANGE_TEST)
    if test is not None and test.runs:
        rates, losses = _curve(test.runs[0].records)
        yield NamedFigure(
            RANGE_TEST,
            range_test_panel(rates, losses, smooth_losses(losses), suggest_rate(rates, losses)),
            "Range test: training loss while the learning rate rises at every step.",
        )


def course_dictionaries(result: ExperimentResult) -> Iterator[tuple[str, CourseDictionary]]:
    """Yield ``part5_<architecture>``: for each rate the curves of loss and, in percent, validation accuracy.

    Curves are averaged over the counted runs, or over all runs with records if none was tested.
    """
    trained = [variant for variant in result.compared if variant.runs]
    if not trained:
        return
    name = trained[0].name.rpartition("/")[0]
    dictionary: CourseDictionary = {"name": name}
    for key, quantity, scale in (("loss_curve", "training_loss", 1.0), ("val_acc_curve", "validation_accuracy", 100.0)):
        for variant in trained:
            rate = variant.runs[0].run.trained_spec.training.learning_rate
            dictionary[f"{key}_{rate_digits(rate)}"] = (scale * variant.counted_only.mean(quantity)).tolist()
    yield f"part5_{name}", dictionary


def rate_digits(rate: float) -> str:
    """Format a rate as in the course's keys: the digits after ``0.``, so ``001`` for 0.001; ``2_5`` for 2.5."""
    text = np.format_float_positional(rate, trim="0")
    return text.removeprefix("0.") if text.startswith("0.") else text.replace(".", "_")


LEARNING_RATE_EXPERIMENT = TrainingExperiment(
    name="learning-rate",
    title="Learning rate",
    summary="One network under plain gradient descent with several learning rates.",
    lesson="Too small a rate creeps; too large a one jumps about or diverges, and its curve ends there. The range test "
    "raises the rate at every step: the loss falls where learning works and shoots up where it breaks. A tenth of the "
    "rate with the least loss (the mark) is a first guess, no more: a network that rests on a plateau shows little.",
    spec=LearningRateSpec,
    homework_part=5,
    presets={
        "quick": {"dataset": "digits", "epochs": 20, "repeats": 1},
        "course": {"dataset": "cifar10", "epochs": 20, "repeats": 1},
    },
    plan=plan,
    claims=learning_rate_claims,
    figures=figures,
    course_dictionaries=course_dictionaries,
    findings=findings,
    batch_lines=batch_lines,
)
