"""Part 3 of the homework: the five architectures compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.analysis.blocks import NamedFigure
from engine.config.augmentation import AugmentationSpec
from engine.config.specs import DataSpec, ExperimentSpec, NetworkSpec, RepeatSpec, RunSpec, TrainingSpec
from engine.experiments.architectures.claims import architecture_claims
from engine.experiments.base import TrainingExperiment
from engine.experiments.dictionaries import variant_dictionaries
from engine.experiments.fields import ArchitecturesChoice
from engine.networks.architectures import architecture_name

if TYPE_CHECKING:
    from engine.analysis.results import ExperimentResult


class ArchitecturesSpec(
    RepeatSpec, TrainingSpec, ArchitecturesChoice, NetworkSpec, AugmentationSpec, DataSpec, ExperimentSpec
):
    """The architectures to train, and the settings they share."""


def plan(spec: ArchitecturesSpec) -> list[RunSpec]:
    """Plan every architecture, repeated; the first repeats of all come first, so that every curve appears early."""
    return [
        RunSpec(
            variant=architecture_name(architecture),
            architecture=architecture,
            repeat=repeat,
            seed=spec.seed_of(repeat),
            data=spec.part(DataSpec),
            network=spec.part(NetworkSpec),
            training=spec.part(TrainingSpec),
            augmentation=spec.part(AugmentationSpec),
        )
        for repeat in range(1, spec.repeats + 1)
        for architecture in spec.architectures
    ]


def figures(result: ExperimentResult) -> Iterator[NamedFigure]:
    """Draw the course's four panels, and for each architecture the first-layer weights of its best run."""
    from engine.analysis.figures import best_weights, four_panels

    yield NamedFigure(
        "part3",
        four_panels(result),
        "Training loss; validation (solid) and training (dashed) accuracy; test against training accuracy, one point a "
        "run; validation against training accuracy, one point a record. Lines are means over the repeats, bands one "
        "sample standard deviation to each side.",
    )
    yield from best_weights(result)


ARCHITECTURES_EXPERIMENT = TrainingExperiment(
    name="architectures",
    title="Architectures",
    summary="Five networks, from a single hidden layer to five convolutions, learn the same images.",
    lesson="Watch how soon each loss falls and where validation accuracy parts from training accuracy: from there on a "
    "network learns by heart. More parameters don't mean more accuracy: compare mlp_2, the largest, with cnn_4. Deep "
    "networks rest on a plateau first, with a small gradient in the first layer, and then fall fast.",
    spec=ArchitecturesSpec,
    homework_part=3,
    presets={
        "quick": {"dataset": "digits", "epochs": 10, "repeats": 2},
        "course": {"dataset": "cifar10", "epochs": 15, "repeats": 10},
    },
    plan=plan,
    claims=architecture_claims,
    figures=figures,
    course_dictionaries=variant_dictionaries,
)
