"""Part 1 of the homework: cross-entropy, gradients recovered from weights, batches, and parameter counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, field_validator, model_validator

from engine.analysis.blocks import NamedFigure
from engine.config.fields import FieldKind, field, field_like
from engine.config.specs import DataSpec, ExperimentSpec, RateSpec, RepeatSpec, TrainingLoopSpec
from engine.datasets.base import ProgressCallback
from engine.events.experiments import Computation, ComputedPart
from engine.experiments.base import ComputedExperiment
from engine.experiments.basics.claims import basics_claims
from engine.experiments.basics.formulas import Batches, cross_entropy
from engine.experiments.basics.report import OPTIMIZERS, batch_lines, report_blocks
from engine.networks.architectures import (
    ARCHITECTURES,
    COURSE_ARCHITECTURES,
    format_network,
    parse_network,
    summarize_layers,
)
from engine.networks.layers import Act, Layer, replaced
from engine.networks.notation import EXAMPLE
from engine.utils.arrays import Array
from engine.utils.errors import NetworkError, Stopped

if TYPE_CHECKING:
    from engine.experiments.basics.gradient_recovery import Step

LARGEST_SIDE = 1024
Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]

PROBABILITIES = (0.85, 0.7)  # of the true class in the homework's two examples
# The course's own training, and one whose last batch is smaller.
EXAMPLE_BATCHES = (Batches(45_000, 50, 15), Batches(45_000, 64, 15))
COURSE_INPUT, COURSE_CLASSES = (32, 32, 1), 10

MEASURES = ("difference", "gradient", "bound")


class BasicsSpec(ExperimentSpec):
    """Settings of the small training whose gradient is recovered, and of the examples for batches and parameters."""

    learning_rate: float = field_like(
        RateSpec, "learning_rate", 0.01, "Step size of all three optimisers; the weights' difference is divided by it."
    )
    momentum: float = field(
        0.9, label="Momentum", gt=0, lt=1, help="Share of the last step that SGD with momentum makes again."
    )
    steps: int = field(100, label="Steps", ge=1, le=2000, help="Optimiser steps at which the gradient is recovered.")
    hidden_units: int = field(
        32, label="Hidden units", ge=1, le=1024, help="Units, with ReLU, of the small network that learns the digits."
    )
    seed: int = field_like(RepeatSpec, "seed", 0)
    batch_size: int = field_like(
        TrainingLoopSpec,
        "batch_size",
        50,
        "B: images per optimiser step, in the small training and where steps are counted.",
    )
    images: int = field(
        45_000,
        label="Images",
        group="Basics",
        ge=1,
        le=100_000_000,
        help="N: training images of which to count batches.",
    )
    epochs: int = field(
        15, label="Epochs", group="Basics", ge=1, le=1_000_000, help="E: passes over these images; nothing is trained."
    )
    network: str = field(
        EXAMPLE,
        label="Network",
        group="Basics",
        help="A network of which to count the parameters, in the homework's notation (width before height); a last "
        "dense layer, one unit a class, is added.",
    )
    input_shape: tuple[Side, Side, Side] = field(
        COURSE_INPUT,
        label="Input",
        group="Basics",
        kind=FieldKind.NUMBERS,
        help=f"Height, width and channels of this network's images, each from 1 to {LARGEST_SIDE}.",
    )
    classes: int = field(
        COURSE_CLASSES, label="Classes", group="Basics", ge=1, le=10_000, help="Units of its last dense layer."
    )

    @field_validator("network")
    @classmethod
    def _normalize_notation(cls, text: str) -> str:
        try:
            return format_network(parse_network(text))
        except NetworkError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _check_fits(self) -> BasicsSpec:
        try:
            summarize_layers(parse_network(self.network), self.input_shape, self.classes)
        except NetworkError as error:
            size = "x".join(map(str, self.input_shape))
            raise ValueError(f"The network can't be built on {size} images: {error}; change one of them.") from None
        return self


def compute(spec: BasicsSpec, emit: Callable[[ComputedPart], None], progress: ProgressCallback) -> Computation:
    """Recover gradients, emitting a part "step" per optimiser step, and evaluate the formulas, which takes no time."""
    recovered = _recover(spec, emit, progress)
    chosen = Batches(spec.images, spec.batch_size, spec.epochs)
    findings = {
        "cross_entropy": {"unit": "nats", "examples": [_described_loss(p) for p in PROBABILITIES]},
        "batches": [_described_batches(batches) for batches in dict.fromkeys((chosen, *EXAMPLE_BATCHES))],
        "parameters": [
            _count_parameters("network", parse_network(spec.network), spec.input_shape, spec.classes),
            *(
                _count_parameters(name, with_relu(layers), COURSE_INPUT, COURSE_CLASSES)
                for name, layers in ((each, ARCHITECTURES[each]) for each in COURSE_ARCHITECTURES)
            ),
        ],
        "gradient_recovery": {
            "compared": "all kernels and biases",
            "learning_rate": spec.learning_rate,
            "steps": len(recovered),
            "optimizers": {name: _largest([step[name] for step in recovered]) for name in OPTIMIZERS},
        },
    }
    return Computation(findings, _curves(recovered))


def with_relu(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers with ReLU in place of configurable activations."""
    return replaced(layers, lambda layer: Act("relu") if layer == Act() else layer)


def _recover(spec: BasicsSpec, emit: Callable[[ComputedPart], None], progress: ProgressCallback) -> list[Step]:
    from engine.datasets import prepare
    from engine.experiments.basics.gradient_recovery import RecoverySettings, recover

    steps: list[Step] = []

    def step_done(step: int, found: Step) -> None:
        steps.append(found)
        compared = {name: asdict(comparison) for name, comparison in found.items()}
        emit(ComputedPart("step", {"step": step, "steps": spec.steps} | compared))
        progress("Recovering gradients", step, spec.steps)

    data = prepare(DataSpec(), progress)
    progress("Building three networks", 0, 0)
    settings = RecoverySettings(**spec.model_dump(include=set(RecoverySettings.__dataclass_fields__)))
    with suppress(Stopped):  # raised by step_done, so at least one step is kept
        recover(data, settings, step_done)
    return steps


def replay(computation: Computation) -> Iterator[ComputedPart]:
    """Yield the parts that ``compute`` emitted; ``within`` is stored only for all steps together."""
    recovery = computation.findings["gradient_recovery"]
    within = {name: recovery["optimizers"][name]["within_rounding"] for name in OPTIMIZERS}
    for position, step in enumerate(computation.arrays["step"].tolist()):
        compared = {
            name: {measure: float(computation.arrays[f"{name}_{measure}"][position]) for measure in MEASURES}
            | {"within": within[name]}
            for name in OPTIMIZERS
        }
        yield ComputedPart("step", {"step": step, "steps": recovery["steps"]} | compared)


def _described_loss(probability: float) -> dict[str, float]:
    return {
        "probability_of_true_class": probability,
        "loss": cross_entropy(probability),
        "gradient_at_true_logit": probability - 1,
    }


def _described_batches(batches: Batches) -> dict[str, int]:
    return {
        "images": batches.images,
        "batch_size": batches.batch_size,
        "epochs": batches.epochs,
        "batches_per_epoch": batches.per_epoch,
        "last_batch": batches.last_size,
        "iterations": batches.iterations,
    }


def _count_parameters(name: str, layers: Sequence[Layer], shape: tuple[int, ...], classes: int) -> dict[str, Any]:
    summaries = summarize_layers(layers, shape, classes)
    return {
        "name": name,
        "notation": format_network(layers),
        "input_shape": list(shape),
        "classes": classes,
        "layers": [
            {
                "name": summary.name,
                "layer": format_network([summary.layer]),
                "output_shape": list(summary.output_shape),
                "formula": summary.formula,
                "parameters": summary.parameters,
            }
            for summary in summaries
        ],
        "total": sum(summary.parameters for summary in summaries),
    }


def _largest(comparisons: Sequence[Any]) -> dict[str, Any]:
    largest = {f"largest_{name}": max(getattr(each, name) for each in comparisons) for name in MEASURES}
    return largest | {"within_rounding": all(each.within for each in comparisons)}


def _curves(steps: Sequence[Step]) -> dict[str, Array]:
    """Return ``<optimizer>_<measure>``, float64 [steps], for each optimiser and measure; and ``step``, from 1."""
    curves: dict[str, Array] = {
        f"{name}_{measure}": np.array([getattr(step[name], measure) for step in steps])
        for name in OPTIMIZERS
        for measure in MEASURES
    }
    return {"step": np.arange(1, len(steps) + 1)} | curves


def figures(_spec: BasicsSpec, computation: Computation) -> Iterator[NamedFigure]:
    """Draw the curve of cross-entropy, and the error of the recovered gradient."""
    from engine.experiments.basics.figures import cross_entropy_figure, gradient_recovery_figure

    yield NamedFigure(
        "cross_entropy",
        cross_entropy_figure(PROBABILITIES),
        "Cross-entropy and its gradient over the probability given to the true class.",
    )
    yield NamedFigure(
        "gradient_recovery",
        gradient_recovery_figure(computation.arrays, OPTIMIZERS),
        "Largest difference between the gradient that two weights tell and the computed one.",
    )


BASICS_EXPERIMENT = ComputedExperiment(
    name="basics",
    title="Basics",
    summary="Cross-entropy, the gradient found between two weights, batches and iterations, and parameters counted.",
    lesson="A classifier trained by cross-entropy approximates the probability of each class given the image. Its "
    "gradient at the logits is p - y: the larger the mistake, the larger the push. Under plain SGD, two successive "
    "weights tell the gradient to float32 rounding; under momentum from the second step on, and under Adam from the "
    "first, what they tell is another direction.",
    spec=BasicsSpec,
    homework_part=1,
    report_title="Basic concepts",
    presets={"quick": {"steps": 100}, "course": {"steps": 900}},
    compute=compute,
    claims=basics_claims,
    batch_lines=batch_lines,
    report_blocks=report_blocks,
    figures=figures,
    archives={"gradient_recovery": ("step", *(f"{name}_{measure}" for name in OPTIMIZERS for measure in MEASURES))},
    replay=replay,
)
