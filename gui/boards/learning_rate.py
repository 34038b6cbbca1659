"""The board of the Learning rate tab."""

from __future__ import annotations

from gui.boards.plots import PERCENT, gradient_plot, training_loss_plot
from gui.boards.training_board import TrainingBoard, Views
from gui.observations.variant import VariantObservation
from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.plots.range_plot import RangePlot


def learning_rate_board() -> TrainingBoard:
    """Create the board: loss and validation accuracy of every rate, the first layer's gradient, and the range test."""
    return TrainingBoard(
        Views(
            plots=(
                lambda: training_loss_plot(_is_compared),
                lambda: CurvePlot(
                    "validation_accuracy",
                    "Validation accuracy",
                    "accuracy (%)",
                    (Series("validation_accuracy", PERCENT),),
                    shown=_is_compared,
                ),
                RangePlot,
                lambda: gradient_plot(_is_compared),
            )
        )
    )


def _is_compared(variant: VariantObservation) -> bool:
    """Leave out the range test, which has a plot of its own."""
    return not variant.is_probe
