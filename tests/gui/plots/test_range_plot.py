"""Plot of the range test."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
import pytest
from pytestqt.qtbot import QtBot

from engine.events.runs import Status
from engine.experiments.learning_rate import LEARNING_RATE_EXPERIMENT
from engine.experiments.learning_rate.range_test import smooth_losses, suggest_rate
from gui.boards.learning_rate import learning_rate_board
from gui.observations.experiment import Observations
from gui.plots.curves.curve_plot import CurvePlot
from gui.plots.range_plot import RangePlot
from tests.engine.support import finished, record, started
from tests.gui.support import begun, find, items

RATES = np.geomspace(1e-3, 10, 41)
LOSSES = np.where(RATES <= 1, 2.3 - 0.5 * np.log10(RATES / 1e-3), 20 * RATES)


@pytest.fixture
def plot(qtbot: QtBot) -> RangePlot:
    made = RangePlot()
    qtbot.addWidget(made)
    return made


def with_losses(losses: np.ndarray, status: Status | None = Status.FINISHED) -> Observations:
    """Return a range test with the given losses; ``status`` None leaves it running."""
    observations = begun(LEARNING_RATE_EXPERIMENT, range_low=1e-3, range_high=10, range_steps=len(RATES))
    observations.take(started(1))
    for step, (rate, loss) in enumerate(zip(RATES, losses, strict=False), start=1):
        observations.take(record(1, step, learning_rate=float(rate), training_loss=float(loss)))
    if status is not None:
        observations.take(finished(1, status, test_accuracy=None))
    return observations


def drawn(plot: RangePlot, observations: Observations) -> RangePlot:
    plot.begin(observations)
    plot.refresh(observations)
    return plot


def test_it_draws_the_loss_of_each_step_and_the_smoothed_one_over_the_rate(plot: RangePlot) -> None:
    drawn(plot, with_losses(LOSSES))
    for item, values in zip(items(plot, pg.PlotDataItem), (LOSSES, smooth_losses(LOSSES)), strict=True):
        rates, losses = item.getOriginalDataset()
        np.testing.assert_allclose(rates, RATES)
        np.testing.assert_allclose(losses, values)
    low, high = plot.getViewBox().viewRange()[0]
    assert low <= -3
    assert high >= 1


def test_the_mark_is_at_the_rate_that_the_engine_suggests(plot: RangePlot) -> None:
    drawn(plot, with_losses(LOSSES))
    rate = suggest_rate(RATES, LOSSES)
    assert rate == pytest.approx(0.1)
    assert plot.suggestion == "try 0.1"
    assert [mark.value() for mark in items(plot, pg.InfiniteLine)] == pytest.approx([-1])


def test_nothing_is_suggested_before_the_test_has_ended(plot: RangePlot) -> None:
    assert drawn(plot, with_losses(LOSSES[:20], status=None)).suggestion == ""
    assert drawn(plot, with_losses(LOSSES[:20], status=Status.STOPPED)).suggestion != ""


def test_a_test_that_diverges_leaves_its_curve_and_its_suggestion(plot: RangePlot) -> None:
    losses = LOSSES.copy()
    losses[-5:] = math.nan
    drawn(plot, with_losses(losses[:-4], Status.DIVERGED))
    assert plot.suggestion == "try 0.1"
    assert np.isfinite(plot.getViewBox().viewRange()).all()
    plot.resize(500, 300)
    assert not plot.grab().isNull()


def test_losses_above_the_first_do_not_flatten_the_rest(plot: RangePlot) -> None:
    low, high = drawn(plot, with_losses(LOSSES)).getViewBox().viewRange()[1]
    assert high < 1.5 * LOSSES[0]
    assert low <= LOSSES.min()


def test_where_the_loss_never_fell_there_is_no_mark(plot: RangePlot) -> None:
    assert drawn(plot, with_losses(np.linspace(2, 4, len(RATES)))).suggestion == ""


def test_a_new_plan_clears_the_old_test(plot: RangePlot) -> None:
    drawn(plot, with_losses(LOSSES))
    plot.begin(begun(LEARNING_RATE_EXPERIMENT, range_test=False))
    assert plot.suggestion == ""
    assert all(len(item.getOriginalDataset()[0] or ()) == 0 for item in items(plot, pg.PlotDataItem))


def test_the_board_draws_the_test_in_its_own_plot_alone(qtbot: QtBot) -> None:
    board = learning_rate_board()
    qtbot.addWidget(board)
    observations = with_losses(LOSSES)
    for view in board.views():
        view.begin(observations)
        view.refresh(observations)
    for name in ("training_loss", "validation_accuracy", "gradient_norm"):
        assert list(find(board, CurvePlot, name).curves) == ["cnn_4/0.1", "cnn_4/0.01", "cnn_4/0.001"]
    assert find(board, RangePlot, "range_test_plot").suggestion == "try 0.1"
