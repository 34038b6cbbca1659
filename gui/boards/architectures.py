"""The board of the Architectures tab."""

from __future__ import annotations

from gui.boards.plots import PERCENT, gradient_plot, training_loss_plot
from gui.boards.training_board import TrainingBoard, Views
from gui.plots.accuracy_scatter import AccuracyScatter
from gui.plots.curves.curve_plot import CurvePlot, Series


def architectures_board() -> TrainingBoard:
    """Create the board: loss, accuracies, gradient of the first layer, and test against training accuracy."""
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
