"""What the Architectures tab shows."""

from __future__ import annotations

from gui.tabs.plots import PERCENT, gradient_plot, training_loss_plot
from gui.tabs.training_board import TrainingBoard, Views
from gui.views.accuracy_scatter import AccuracyScatter
from gui.views.curve_plot import CurvePlot, Series


def architectures_board() -> TrainingBoard:
    """The course's panels, and the gradient of the first layer."""
    return TrainingBoard(
        Views(
            plots=(
                training_loss_plot,
                lambda: CurvePlot(
                    "accuracy",
                    "Accuracy: validation (solid) and training (dashed)",
                    "accuracy (%)",
                    (Series("validation_accuracy", PERCENT), Series("training_accuracy", PERCENT, dashed=True)),
                ),
                gradient_plot,
                AccuracyScatter,
            )
        )
    )
