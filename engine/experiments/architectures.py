"""Part 3 of the homework: the five architectures compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import field_validator

from engine.experiments.base import CourseDictionary, Experiment
from engine.fields import Kind, field
from engine.networks import ARCHITECTURES
from engine.spec import DataSpec, ExperimentSpec, NetworkSpec, RepeatSpec, RunSpec, TrainingSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from engine.results import ExperimentResult


# pydantic lists inherited fields from the last base to the first, so the form's first group stands last here.
class ArchitecturesSpec(RepeatSpec, TrainingSpec, NetworkSpec, DataSpec, ExperimentSpec):
    """Which architectures are trained, and everything they have in common."""

    architectures: tuple[str, ...] = field(
        tuple(ARCHITECTURES),
        label="Architectures",
        group="Network",
        kind=Kind.CHOICES,
        choices=tuple(ARCHITECTURES),
        help="The networks to compare; each is trained as often as Repeats says.",
    )

    @field_validator("architectures")
    @classmethod
    def _known_and_distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in ARCHITECTURES]
        if unknown:
            raise ValueError(f"there is no '{unknown[0]}'; there are {', '.join(ARCHITECTURES)}.")
        if not names:
            raise ValueError("choose at least one architecture.")
        if len(set(names)) < len(names):
            raise ValueError("name each architecture once.")
        return names


def plan(spec: ArchitecturesSpec) -> list[RunSpec]:
    """Every architecture, repeated; first repeats of all come first, so that all curves begin to grow early."""
    return [
        RunSpec(
            variant=architecture,
            architecture=architecture,
            repeat=repeat,
            seed=spec.seed + repeat - 1,
            data=spec.part(DataSpec),
            network=spec.part(NetworkSpec),
            training=spec.part(TrainingSpec),
        )
        for repeat in range(1, spec.repeats + 1)
        for architecture in spec.architectures
    ]


def figures(result: ExperimentResult) -> Iterator[tuple[str, Figure]]:
    """The course's four panels, and for each architecture the first-layer weights of its best run."""
    from engine.figures import four_panels, weight_grid

    yield "part3", four_panels(result)
    for variant in result.variants:
        if variant.best is not None and variant.best.weights is not None:
            yield f"weights_{variant.name}", weight_grid(variant.name, variant.best.weights)


def course_dictionaries(result: ExperimentResult) -> Iterator[tuple[str, CourseDictionary]]:
    """``part3_<architecture>``: curves averaged over the runs, test accuracy and weights of the best, in percent."""
    for variant in result.variants:
        best = variant.best
        if best is None or best.weights is None or best.run.test_accuracy is None:
            continue
        yield (
            f"part3_{variant.name}",
            {
                "name": variant.name,
                "loss_curve": variant.mean("training_loss").tolist(),
                "train_acc_curve": (100 * variant.mean("training_accuracy")).tolist(),
                "val_acc_curve": (100 * variant.mean("validation_accuracy")).tolist(),
                "test_acc": 100 * best.run.test_accuracy,
                "weights": best.weights.values,
            },
        )


ARCHITECTURES_EXPERIMENT = Experiment(
    name="architectures",
    title="Architectures",
    summary="Five networks, from a single hidden layer to five convolutions, learn the same images.",
    spec=ArchitecturesSpec,
    presets={
        "quick": {"dataset": "digits", "epochs": 10, "repeats": 2},
        "course": {"dataset": "cifar10", "epochs": 15, "repeats": 10},
    },
    plan=plan,
    figures=figures,
    course_dictionaries=course_dictionaries,
)
