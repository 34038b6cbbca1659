"""What the Schedule tab shows."""

from __future__ import annotations

from gui.tabs.plots import PERCENT, training_loss_plot
from gui.tabs.training_board import TrainingBoard, Views
from gui.views.comparison_table import ComparisonTable
from gui.views.curve_plot import CurvePlot, Series
from gui.views.marked_plot import MarkedPlot


def schedule_board() -> TrainingBoard:
    """Validation accuracy with the switches marked, loss, learning rate, and how soon the target was reached.

    Dragging a mark chooses the setting ``switches``.
    """
    accuracy = MarkedPlot(
        "validation_accuracy", "Validation accuracy", "accuracy (%)", (Series("validation_accuracy", PERCENT),)
    )
    board = TrainingBoard(
        Views(
            plots=(
                lambda: accuracy,
                training_loss_plot,
                ComparisonTable,
                lambda: CurvePlot(
                    "learning_rate", "Learning rate", "learning rate", (Series("learning_rate"),), logarithmic=True
                ),
            )
        )
    )
    accuracy.switches_moved.connect(lambda switches: board.settings_chosen.emit({"switches": switches}))
    return board
