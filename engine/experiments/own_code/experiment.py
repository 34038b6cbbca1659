"""Runs that other programs trained and logged: scripts with the logger, TensorBoard, CSV files, course dictionaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.analysis.blocks import NamedFigure
from engine.config.fields import field
from engine.config.logged_runs import LOGGED_EXPERIMENT
from engine.config.specs import ExperimentSpec
from engine.experiments.base import LoggedExperiment

if TYPE_CHECKING:
    from engine.analysis.results import ExperimentResult


class OwnCodeSpec(ExperimentSpec):
    """Where the runs were logged, and what the programs said of their settings."""

    folder: str = field("", label="Folder", group="Source", help="The watched folder.")
    name: str = field("", label="Logged as", group="Source", help="The experiment's name in the logs.")
    settings: tuple[str, ...] = field(
        (), label="Logged settings", group="Source", help="What the programs logged of their settings."
    )


def figures(result: ExperimentResult) -> Iterator[NamedFigure]:
    """Draw loss and validation accuracy, and for each variant the first-layer weights of its best run."""
    from engine.analysis.figures import best_weights, loss_and_validation

    yield NamedFigure(
        "own_code",
        loss_and_validation(result, result.variants),
        "Training loss and validation accuracy as logged. Lines are means over the repeats, bands one sample standard "
        "deviation to each side.",
    )
    yield from best_weights(result)


OWN_CODE_EXPERIMENT = LoggedExperiment(
    name=LOGGED_EXPERIMENT,
    title="Own code",
    summary="Runs of your own code, in PyTorch, Keras or NumPy, watched while they train.",
    lesson="",
    spec=OwnCodeSpec,
    presets={},
    figures=figures,
)
