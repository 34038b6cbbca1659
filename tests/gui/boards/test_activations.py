"""Board of the Activations tab."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from engine.experiments.activations import ACTIVATIONS_EXPERIMENT
from gui.boards.activations import activations_board
from gui.plots.curves.curve_plot import CurvePlot
from tests.engine.support import record, started
from tests.gui.support import begun, find


def test_a_plot_leaves_out_variants_that_it_is_not_for(qtbot: QtBot) -> None:
    board = activations_board()
    qtbot.addWidget(board)
    observations = begun(ACTIVATIONS_EXPERIMENT, architectures=["mlp_1", "mlp_2"])
    for view in board.views():
        view.begin(observations)
        view.refresh(observations)
    assert list(find(board, CurvePlot, "dead_units").curves) == ["mlp_1/relu", "mlp_2/relu"]
    assert len(find(board, CurvePlot, "training_loss").curves) == 4


def test_dead_units_are_drawn_in_percent_of_all(qtbot: QtBot) -> None:
    board = activations_board()
    qtbot.addWidget(board)
    observations = begun(ACTIVATIONS_EXPERIMENT, architectures=["mlp_1"])
    observations.take(started(1))
    observations.take(record(1, 10, dead_units=(8,)))
    plot = find(board, CurvePlot, "dead_units")
    plot.begin(observations)
    plot.refresh(observations)
    assert plot.curve_data("mlp_1/relu", "dead_fraction")[1].tolist() == [25.0]
