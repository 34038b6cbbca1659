"""Part 4 of the homework: every architecture with ReLU and with sigmoid, and the gradient of each layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import field_validator

from engine.analysis.blocks import NamedFigure
from engine.config.augmentation import AugmentationSpec
from engine.config.fields import FieldKind, field, field_like
from engine.config.optimization import Optimizer
from engine.config.specs import (
    Activation,
    DataSpec,
    ExperimentSpec,
    InitializerSpec,
    NetworkSpec,
    Normalization,
    RepeatSpec,
    RunSpec,
    TrainingSpec,
)
from engine.experiments.activations.claims import activation_claims
from engine.experiments.base import CourseDictionary, TrainingExperiment
from engine.experiments.fields import ArchitecturesChoice
from engine.networks.architectures import architecture_name, with_configurable_activations
from engine.networks.notation import ACTIVATION_NAMES

if TYPE_CHECKING:
    from engine.analysis.results import ExperimentResult


class ActivationsSpec(
    RepeatSpec, TrainingSpec, ArchitecturesChoice, InitializerSpec, AugmentationSpec, DataSpec, ExperimentSpec
):
    """The activations and architectures to compare."""

    normalization: Normalization = field_like(
        DataSpec,
        "normalization",
        "half",
        "What range the network sees: half [-1, 1], none [0, 1], bytes [0, 255] (the bonus question of the homework); "
        "cifar10 and per-dataset subtract means and divide by deviations.",
        label="Input range",
    )
    activations: tuple[Activation, ...] = field(
        ("relu", "sigmoid"),
        label="Activations",
        group="Network",
        kind=FieldKind.CHOICES,
        choices=tuple(ACTIVATION_NAMES),
        help="Each architecture is trained with each of these; it takes the place of those written in a network.",
    )
    optimizer: Optimizer = field_like(TrainingSpec, "optimizer", "sgd")
    learning_rate: float = field_like(
        TrainingSpec, "learning_rate", 0.01, "Step size of the optimiser; the homework takes 0.01 without momentum."
    )

    @field_validator("activations")
    @classmethod
    def _check_activations(cls, names: tuple[Activation, ...]) -> tuple[Activation, ...]:
        if not names:
            raise ValueError("choose at least one activation.")
        if len(set(names)) < len(names):
            raise ValueError("name each activation once.")
        return names


def variant_name(architecture: str, activation: str) -> str:
    """Return the variant's name, such as ``cnn_5/relu``."""
    return f"{architecture_name(architecture)}/{activation}"


def plan(spec: ActivationsSpec) -> list[RunSpec]:
    """Plan every architecture with every activation, repeated; the activations of a network come in succession."""
    return [
        RunSpec(
            variant=variant_name(architecture, activation),
            architecture=with_configurable_activations(architecture),
            repeat=repeat,
            seed=spec.seed_of(repeat),
            data=spec.part(DataSpec),
            network=NetworkSpec(activation=activation, initializer=spec.initializer),
            training=spec.part(TrainingSpec),
            augmentation=spec.part(AugmentationSpec),
            counts_dead_units=True,
        )
        for repeat in range(1, spec.repeats + 1)
        for architecture in spec.architectures
        for activation in spec.activations
    ]


def figures(result: ExperimentResult) -> Iterator[NamedFigure]:
    """Draw the course's two panels, and for each architecture the gradient norm of every layer over the steps."""
    from engine.analysis.figures import gradient_heat_maps, loss_and_gradient

    yield NamedFigure(
        "part4",
        loss_and_gradient(result),
        "Training loss, and the L2 norm of the loss gradient with respect to the first layer's kernel. Colours tell "
        "architectures apart, line patterns activations.",
    )
    for architecture, variants in _by_architecture(result).items():
        recorded = [variant for name in variants if (variant := result.variant(name)) is not None and variant.runs]
        if recorded:
            yield NamedFigure(
                f"gradients_{architecture}",
                gradient_heat_maps(architecture, recorded),
                f"Gradient norm of every layer of {architecture} over the steps, first layer on top.",
            )


def course_dictionaries(result: ExperimentResult) -> Iterator[tuple[str, CourseDictionary]]:
    """Yield ``part4_<architecture>``: for each activation the curves of loss and gradient norm.

    Curves are averaged over the counted runs, or over all runs with records if none was tested.
    """
    for architecture, variants in _by_architecture(result).items():
        dictionary: CourseDictionary = {"name": architecture}
        for key, quantity in (("loss_curve", "training_loss"), ("grad_curve", "gradient_norm")):
            for name in variants:
                variant = result.variant(name)
                if variant is not None and variant.runs:
                    dictionary[f"{name.rpartition('/')[2]}_{key}"] = variant.counted_only.mean(quantity).tolist()
        if len(dictionary) > 1:
            yield f"part4_{architecture}", dictionary


def _by_architecture(result: ExperimentResult) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for variant in result.variants:
        names.setdefault(variant.name.rpartition("/")[0], []).append(variant.name)
    return names


ACTIVATIONS_EXPERIMENT = TrainingExperiment(
    name="activations",
    title="Activations",
    summary="Each network with ReLU and with sigmoid: does the gradient reach the first layer?",
    lesson="The slope of a sigmoid is at most 1/4, so the gradient shrinks at every layer on its way back: in the heat "
    "map the first layers of a deep sigmoid network stay dark and its loss rests near ln(classes). ReLU lets more of "
    "it through, though a deep network rests long on its plateau too. A unit that gives 0 for every image is dead: it "
    "gets no gradient, and comes back only if the layers before it change. Try inputs of [0, 255] (Input range).",
    spec=ActivationsSpec,
    homework_part=4,
    presets={
        "quick": {"dataset": "digits", "epochs": 30, "repeats": 1},
        "course": {"dataset": "cifar10", "epochs": 15, "repeats": 1},
    },
    plan=plan,
    claims=activation_claims,
    figures=figures,
    course_dictionaries=course_dictionaries,
)
