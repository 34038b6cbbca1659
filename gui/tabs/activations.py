"""What the Activations tab shows."""

from __future__ import annotations

from gui.observations import VariantObservation
from gui.tabs.training_board import TrainingBoard, Views
from gui.views.curve_plot import CurvePlot, Series
from gui.views.gradient_map import GradientMap

PERCENT = 100.0


def activations_board() -> TrainingBoard:
    """Loss, the first layer's gradient, every layer's gradient as a map, dead units."""
    return TrainingBoard(
        Views(
            plots=(
                lambda: CurvePlot("training_loss", "Training loss", "loss (nats)", (Series("training_loss"),)),
                lambda: CurvePlot(
                    "gradient_norm",
                    "Gradient of the first layer's kernel",
                    "L2 norm",
                    (Series("gradient_norm"),),
                    logarithmic=True,
                ),
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
    """The other activations are hardly ever exactly 0."""
    return variant.runs[0].planned.spec.network.activation == "relu"
