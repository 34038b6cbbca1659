"""Runs that other programs trained and logged: scripts with the logger, TensorBoard, CSV files, course dictionaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.analysis.blocks import NamedFigure
from engine.config.fields import field
from engine.config.logged_runs import LOGGED_EXPERIMENT
from engine.config.specs import ExperimentSpec
from engine.experiments.base import Findings, LoggedExperiment
from engine.experiments.dictionaries import variant_dictionaries

if TYPE_CHECKING:
    from engine.analysis.claims import Claim
    from engine.analysis.results import ExperimentResult


class OwnCodeSpec(ExperimentSpec):
    """Where the runs were logged, and what the programs said of their settings."""

    folder: str = field("", label="Folder", group="Source", help="The watched folder.")
    name: str = field("", label="Logged as", group="Source", help="The experiment's name in the logs.")
    settings: tuple[str, ...] = field(
        (), label="Logged settings", group="Source", help="What the programs logged of their settings."
    )


def figures(result: ExperimentResult) -> Iterator[NamedFigure]:
    """Draw losses and accuracies, gradients if they were logged, and the first-layer weights of each best run."""
    from engine.analysis.figures import best_weights, logged_curves, loss_and_gradient

    lines = (
        "Lines connect the steps at which numbers were logged; they are means over the repeats, bands one sample "
        "standard deviation to each side. Runs logged at different steps are interpolated for both."
    )
    yield NamedFigure("own_code", logged_curves(result), f"Losses and accuracies as logged. {lines}")
    if any(variant.runs and len(variant.mean("gradient_norm")) for variant in result.variants):
        caption = f"Training loss, and L2 norm of the gradient of the first layer's weights. {lines}"
        yield NamedFigure("own_code_gradient", loss_and_gradient(result), caption)
    yield from best_weights(result)


def claims(result: ExperimentResult, _findings: Findings) -> Iterator[Claim]:
    """State which variant has the best test accuracy."""
    from engine.analysis.ranking import best_variant_claims

    yield from best_variant_claims(result, "test accuracy")


OWN_CODE_EXPERIMENT = LoggedExperiment(
    name=LOGGED_EXPERIMENT,
    title="Own code",
    summary="Runs of your own code, in PyTorch, Keras or NumPy, watched while they train.",
    lesson="",
    spec=OwnCodeSpec,
    presets={},
    claims=claims,
    figures=figures,
    course_dictionaries=variant_dictionaries,
)
