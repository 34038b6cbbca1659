"""What the Architectures tab shows."""

from __future__ import annotations

from gui.tabs.training_board import TrainingBoard, Views
from gui.views.accuracy_scatter import AccuracyScatter
from gui.views.curve_plot import CurvePlot, Series

PERCENT = 100.0


def architectures_board() -> TrainingBoard:
    """The course's panels, and the gradient of the first layer."""
    return TrainingBoard(
        Views(
            plots=(
                lambda: CurvePlot("training_loss", "Training loss", "loss (nats)", (Series("training_loss"),)),
                lambda: CurvePlot(
                    "accuracy",
                    "Accuracy: validation (solid) and training (dashed)",
                    "accuracy (%)",
                    (Series("validation_accuracy", PERCENT), Series("training_accuracy", PERCENT, dashed=True)),
                ),
                lambda: CurvePlot(
                    "gradient_norm",
                    "Gradient of the first layer's kernel",
                    "L2 norm",
                    (Series("gradient_norm"),),
                    logarithmic=True,
                ),
                AccuracyScatter,
            )
        )
    )
