"""A board filled with curves, for tests of their display and readings."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtWidgets import QComboBox, QWidget
from pytestqt.qtbot import QtBot

from engine.events.runs import Record, RunStarted
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from gui.boards import training_board
from gui.boards.architectures import architectures_board
from gui.boards.training_board import TrainingBoard
from gui.observations.experiment import Observations
from gui.plots.curves.curve_plot import CurvePlot
from tests.engine.support import record, started
from tests.gui.support import begun, find, items

RECORDS, EVERY, STEPS_PER_EPOCH = 20, 10, 10
VARIANTS = ("mlp_1", "cnn_4")


def loss(run: int, step: int) -> float:
    """Return a falling loss with an oscillation and an offset per run."""
    return float(2.3 * 0.99**step + 0.1 * run + 0.05 * np.sin(step))


def filled(repeats: int = 2, records: int = RECORDS) -> Observations:
    """Return two variants with ``repeats`` runs each; the second half of the last run is missing."""
    observations = begun(ARCHITECTURES_EXPERIMENT, architectures=VARIANTS, repeats=repeats, epochs=records)
    last = max(observations.runs)
    for run in observations.runs:
        event = started(run)
        observations.take(RunStarted(run, event.device, {}, event.layers, STEPS_PER_EPOCH))
        for step in range(EVERY, EVERY * (records // (2 if run == last else 1)) + 1, EVERY):
            observations.take(recorded(run, step))
    return observations


def recorded(run: int, step: int) -> Record:
    """Return a record of a run."""
    value = loss(run, step)
    return record(
        run,
        step,
        seconds=0.1 * run * step,
        training_loss=value,
        validation_loss=value,
        validation_accuracy=1 - value / 4,
        training_accuracy=1 - value / 5,
        gradient_norms=(value / 100, 1.0),
    )


class NoLayers(QWidget):
    """In the place of the layers page, which takes a third of a board's time; its plots are no curve plots."""

    def __init__(self) -> None:
        super().__init__()
        self.chooser = QComboBox(self)

    def views(self) -> tuple[()]:
        return ()


def opened(qtbot: QtBot, observations: Observations) -> TrainingBoard:
    """Return a visible board that shows the observations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_board, "LayersPage", NoLayers)
        board = architectures_board()
    qtbot.addWidget(board)
    board.resize(930, 720)
    board.show()
    qtbot.waitExposed(board)
    show(board, observations)
    return board


def show(board: TrainingBoard, observations: Observations) -> None:
    """Begin and draw every view."""
    for view in board.views():
        view.begin(observations)
    for view in board.views():
        view.refresh(observations)


def plot_of(board: TrainingBoard, name: str = "training_loss") -> CurvePlot:
    """Return a curve plot by its objectName."""
    return find(board, CurvePlot, name)


def marks(plot: CurvePlot) -> list[pg.InfiniteLine]:
    """The vertical lines of a plot, but for the cursor."""
    return [line for line in items(plot, pg.InfiniteLine) if line is not plot.tooltip.line]
