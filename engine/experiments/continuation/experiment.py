"""Training continued from a trained network: longer, on other images, or with other settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator

from engine.analysis.blocks import NamedFigure
from engine.config.augmentation import AugmentationSpec
from engine.config.fields import FieldKind, field, field_like
from engine.config.rate_schedule import RateScheduleSpec
from engine.config.specs import Activation, DataSpec, ExperimentSpec, NetworkSpec, RepeatSpec, RunSpec, TrainingSpec
from engine.experiments.base import TrainingExperiment
from engine.experiments.continuation.claims import continuation_claims
from engine.experiments.fields import ArchitectureChoice, normalize_architecture
from engine.networks.architectures import ARCHITECTURES, architecture_name
from engine.networks.comparison import AS_TRAINED
from engine.networks.continuation import open_start
from engine.utils.errors import SpecError

if TYPE_CHECKING:
    from engine.analysis.results import ExperimentResult


class ContinuationSpec(RepeatSpec, TrainingSpec, ArchitectureChoice, AugmentationSpec, DataSpec, ExperimentSpec):
    """The trained network to start from, the images, and the training."""

    model: str | None = field(
        None,
        label="Start from",
        group="Network",
        kind=FieldKind.MODEL,
        help="The .keras file of a trained network, of this program or of Keras; it must have seen images of the same "
        "shape, prepared alike. Choose…, and the history, offer every network of the workspace.",
    )
    architecture: str = field(
        AS_TRAINED,
        label="Architecture",
        group="Network",
        kind=FieldKind.ARCHITECTURE,
        choices=(AS_TRAINED, *ARCHITECTURES),
        choice_labels={AS_TRAINED: "as trained"},
        help="The network to train: that of the file, as trained, or one that the file must be of.",
    )
    activation: Literal["as-trained", Activation] = field(
        "as-trained",
        label="Activation",
        group="Network",
        choice_labels={"as-trained": "as trained"},
        help="The non-linearity of the layers Act: that of the network to start from; any other is refused.",
    )
    repeats: int = field_like(
        RepeatSpec,
        "repeats",
        1,
        "Runs that all start from the same weights; run k visits the images in the order of seed + k - 1.",
    )

    @field_validator("architecture")
    @classmethod
    def _check_architecture(cls, text: str) -> str:
        return text if text == AS_TRAINED else normalize_architecture(text)


MIN_LEARNING_RATE = 1e-6  # below it a network hardly changes; a cosine schedule ends at 0


def continuation_settings(run: RunSpec, model: Path, last_rate: float) -> dict[str, Any]:
    """Return settings that continue the training of a run as it ended, without its schedule.

    Args:
        run: the finished run.
        model: file of its trained network.
        last_rate: learning rate of its last step; too small a rate is replaced by the run's initial one.
    """
    return {
        **run.data.model_dump(),
        **run.training.model_dump(),
        **RateScheduleSpec().model_dump(),
        **run.augmentation.model_dump(),
        "architecture": run.architecture,
        "activation": AS_TRAINED,
        "model": str(model),
        "learning_rate": last_rate if last_rate >= MIN_LEARNING_RATE else run.training.learning_rate,
    }


def plan(spec: ContinuationSpec) -> list[RunSpec]:
    """Plan one variant, repeated; propagates ``NetworkError`` if the network is of other settings.

    Raises:
        SpecError: if no network was chosen.
    """
    if spec.model is None:
        raise SpecError(
            "Choose the trained network to go on from: a .keras file (model), or Continue training in the history."
        )
    start = open_start(Path(spec.model))
    activation = start.activation_for(spec.architecture, spec.activation)
    architecture = start.architecture_for(spec.architecture)
    start.check_normalization(start.images, spec.normalization)
    return [
        RunSpec(
            variant=f"{architecture_name(architecture)}/on",
            architecture=architecture,
            repeat=repeat,
            seed=spec.seed_of(repeat),
            data=spec.part(DataSpec),
            network=NetworkSpec(activation=activation),
            training=spec.part(TrainingSpec),
            augmentation=spec.part(AugmentationSpec),
            start_from=spec.model,
        )
        for repeat in range(1, spec.repeats + 1)
    ]


def figures(result: ExperimentResult) -> Iterator[NamedFigure]:
    """Draw loss and validation accuracy from the first further step on, and the weights of the best run."""
    from engine.analysis.figures import best_weights, loss_and_validation

    yield NamedFigure(
        "train_on",
        loss_and_validation(result, result.variants),
        "Training loss and validation accuracy from the first further step on.",
    )
    yield from best_weights(result)


CONTINUATION_EXPERIMENT = TrainingExperiment(
    name="train-on",
    title="Continue training",
    summary="A network trained before goes on learning.",
    lesson="The curves begin where the old ones ended. Adam begins without its memory of past gradients, so the first "
    "steps may throw the network back a little. With a smaller rate it settles; on other images of the same shape it "
    "shows how much of what was learned carries over.",
    spec=ContinuationSpec,
    report_title="Further training",
    presets={
        "quick": {"dataset": "digits", "epochs": 5},
        "course": {"dataset": "cifar10", "epochs": 15},
    },
    plan=plan,
    claims=continuation_claims,
    figures=figures,
)
