"""The board of the Activations tab."""

from __future__ import annotations

from gui.boards.plots import PERCENT, gradient_plot, training_loss_plot
from gui.boards.training_board import TrainingBoard, Views
from gui.observations.variant import VariantObservation
from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.plots.gradient_map import GradientMap


def activations_board() -> TrainingBoard:
    """Create the board: loss, the first layer's gradient, every layer's gradient as a map, dead units."""
    return TrainingBoard(
        Views(
            plots=(
                training_loss_plot,
                gradient_plot,
                GradientMap,
                lambda: CurvePlot(
                    "dead_units",
                    "Dead ReLU units: 0 for every validation image",
                    "share of units (%)",
                    (Series("dead_fraction", PERCENT),),
                    shown=_has_relu,
                ),
            )
        )
    )


def _has_relu(variant: VariantObservation) -> bool:
    """Accept variants with ReLU; the outputs of other activations are hardly ever exactly 0."""
    return variant.runs[0].planned.trained_spec.network.activation == "relu"
