"""The board of the Schedule tab."""

from __future__ import annotations

from gui.boards.panels.schedule_table import ScheduleTable
from gui.boards.plots import PERCENT, training_loss_plot
from gui.boards.training_board import TrainingBoard, Views
from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.plots.curves.switch_plot import SwitchPlot


def schedule_board() -> TrainingBoard:
    """Create the board: validation accuracy with the switches marked, loss, learning rate, and time to target.

    Dragging a mark sets ``switches`` in the form.
    """
    accuracy = SwitchPlot(
        "validation_accuracy", "Validation accuracy", "accuracy (%)", (Series("validation_accuracy", PERCENT),)
    )
    board = TrainingBoard(
        Views(
            plots=(
                lambda: accuracy,
                training_loss_plot,
                ScheduleTable,
                lambda: CurvePlot(
                    "learning_rate", "Learning rate", "learning rate", (Series("learning_rate"),), logarithmic=True
                ),
            )
        )
    )
    accuracy.switches_moved.connect(lambda switches: board.settings_chosen.emit({"switches": switches}))
    return board
