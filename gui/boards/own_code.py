"""The board of logged runs of the user's own code."""

from __future__ import annotations

from gui.boards.plots import PERCENT
from gui.boards.training_board import TrainingBoard, Views
from gui.plots.curves.curve_plot import Series
from gui.plots.curves.logged_plots import LoggedPlot, NumberPlot

NO_LOSS = "No loss has been logged."
NO_ACCURACY = "No accuracy has been logged."
NO_GRADIENT = "No gradients have been logged: PyTorch logs them by run.watch, others by gradient_norms of run.log."
NO_NUMBER = "This number has not been logged."


def own_code_board() -> TrainingBoard:
    """Create the board: losses, accuracies, the first layer's gradient, and a further number by choice."""
    return TrainingBoard(
        Views(
            plots=(
                lambda: LoggedPlot(
                    "logged_loss",
                    "Loss: training (solid) and validation (dashed)",
                    "loss (nats)",
                    (Series("training_loss"), Series("validation_loss", dashed=True)),
                    NO_LOSS,
                ),
                lambda: LoggedPlot(
                    "logged_accuracy",
                    "Accuracy: validation (solid) and training (dashed)",
                    "accuracy (%)",
                    (Series("validation_accuracy", PERCENT), Series("training_accuracy", PERCENT, dashed=True)),
                    NO_ACCURACY,
                ),
                lambda: LoggedPlot(
                    "logged_gradient",
                    "Gradient of the first layer's kernel",
                    "L2 norm",
                    (Series("gradient_norm"),),
                    NO_GRADIENT,
                    logarithmic=True,
                ),
                lambda: NumberPlot("logged_number", NO_NUMBER),
            )
        )
    )
