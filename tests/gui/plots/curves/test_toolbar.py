"""Controls of the toolbar above the plots and their effect on what is drawn."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QPushButton, QSlider, QWidget
from pytestqt.qtbot import QtBot

from engine.analysis.smoothing import exponential_average
from gui.boards.learning_rate import learning_rate_board
from gui.boards.training_board import TrainingBoard
from gui.plots.curves.curve_plot import CurvePlot
from gui.plots.curves.legend import Legend
from gui.plots.curves.options import CurveOptions, Horizontal, Repeats, load_options, save_options
from gui.plots.curves.toolbar import CurveToolbar
from gui.utils.theme import Scheme, apply_scheme, apply_style
from tests.gui.curve_support import STEPS_PER_EPOCH, filled, opened, plot_of
from tests.gui.support import find, items


@pytest.fixture
def board(qtbot: QtBot) -> TrainingBoard:
    return opened(qtbot, filled())


def best_of(plot: CurvePlot) -> str:
    """Return the text about the best points."""
    (words,) = items(plot, pg.TextItem)
    return str(words.textItem.toPlainText())


def stars_of(plot: CurvePlot) -> pg.ScatterPlotItem:
    (stars,) = items(plot, pg.ScatterPlotItem)
    return stars


def choose(board: QWidget, name: str, data: object) -> None:
    box = find(board, QComboBox, name)
    box.setCurrentIndex(box.findData(data))


def test_the_slider_smooths_every_plot_and_keeps_the_line_as_measured(board: TrainingBoard) -> None:
    plot = plot_of(board)
    measured = plot.curve_data("mlp_1", "training_loss")[1].copy()
    curve = plot.curves["mlp_1"][0]
    assert not len(curve.raw.getData()[0])
    find(board, QSlider, "smoothing").setValue(60)
    np.testing.assert_allclose(plot.curve_data("mlp_1", "training_loss")[1], exponential_average(measured, 0.6))
    np.testing.assert_allclose(curve.raw.getData()[1], measured)
    np.testing.assert_allclose(curve.line.getData()[1], exponential_average(measured, 0.6))
    assert find(board, QLabel, "smoothing_value").text() == "0.60"
    other = plot_of(board, "gradient_norm")
    np.testing.assert_allclose(other.curve_data("mlp_1", "gradient_norm")[1], exponential_average(measured / 100, 0.6))


def test_very_long_curves_are_smoothed_when_the_slider_rests(
    board: TrainingBoard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    plot = plot_of(board)
    measured = plot.curve_data("mlp_1", "training_loss")[1].copy()
    monkeypatch.setattr("gui.plots.curves.curve_plot.MAX_RECORDS_AT_ONCE", 10)
    drawn: list[float] = []
    monkeypatch.setattr(plot, "refresh", lambda _observations: drawn.append(plot.link.options.smoothing))
    for value in (20, 40, 60):
        find(board, QSlider, "smoothing").setValue(value)
    assert drawn == []
    qtbot.waitUntil(lambda: drawn == [0.6])
    monkeypatch.undo()
    plot.redraw()
    np.testing.assert_allclose(plot.curve_data("mlp_1", "training_loss")[1], exponential_average(measured, 0.6))


@pytest.mark.parametrize("horizontal", list(Horizontal))
def test_the_horizontal_axis_counts_what_is_chosen(board: TrainingBoard, horizontal: Horizontal) -> None:
    choose(board, "horizontal", horizontal)
    plot = plot_of(board)
    x = plot.curve_data("mlp_1", "training_loss")[0]
    steps = 10 * np.arange(1, 21)
    # Runs 1 and 3 are mlp_1's, at 0.1 and 0.3 seconds a step.
    expected = {Horizontal.STEP: steps, Horizontal.EPOCH: steps / STEPS_PER_EPOCH, Horizontal.TIME: 0.2 * steps}
    np.testing.assert_allclose(x, expected[horizontal])
    low, high = plot.getViewBox().viewRange()[0]
    assert low < 0 < x[-1] < high
    titles = {Horizontal.STEP: "step", Horizontal.EPOCH: "epoch", Horizontal.TIME: "training time (s)"}
    assert plot.getPlotItem().getAxis("bottom").labelText == titles[horizontal]


def test_time_never_runs_backwards_where_the_slower_run_is_behind(board: TrainingBoard) -> None:
    """Run 4 has half of run 2's records at twice its time per step: the mean time would fall after its end."""
    choose(board, "horizontal", Horizontal.TIME)
    x = plot_of(board).curve_data("cnn_4", "training_loss")[0]
    assert (np.diff(x) >= 0).all()
    assert x[9] == pytest.approx(0.3 * 100)
    assert x[-1] == pytest.approx(0.2 * 200)


def test_the_horizontal_axis_turns_logarithmic(board: TrainingBoard) -> None:
    plot = plot_of(board)
    find(board, QCheckBox, "horizontal_log").click()
    x, _ = plot.curves["mlp_1"][0].line.getData()
    np.testing.assert_allclose(x, np.log10(10 * np.arange(1, 21)))
    low, high = plot.getViewBox().viewRange()[0]
    assert low < 1 < np.log10(200) < high < 3
    find(board, QCheckBox, "horizontal_log").click()
    np.testing.assert_allclose(plot.curves["mlp_1"][0].line.getData()[0], 10 * np.arange(1, 21))


def test_repeats_are_shown_as_chosen(board: TrainingBoard) -> None:
    plot = plot_of(board)
    curve = plot.curves["mlp_1"][0]
    runs = np.array([[run.curves["training_loss"][at] for at in range(20)] for run in curve.variant.runs])
    deviation = runs.std(axis=0, ddof=1)
    edges = {
        Repeats.DEVIATION: (runs.mean(axis=0) - deviation, runs.mean(axis=0) + deviation),
        Repeats.ERROR: (runs.mean(axis=0) - deviation / 2**0.5, runs.mean(axis=0) + deviation / 2**0.5),
        Repeats.RANGE: (runs.min(axis=0), runs.max(axis=0)),
    }
    for repeats, (low, high) in edges.items():
        choose(board, "repeats_shown", repeats)
        np.testing.assert_allclose(curve.band.getData()[1], [*low, *high[::-1]], rtol=1e-5)
        np.testing.assert_allclose(curve.line.getData()[1], runs.mean(axis=0))
    choose(board, "repeats_shown", Repeats.MEAN)
    assert not len(curve.band.getData()[0])
    choose(board, "repeats_shown", Repeats.RUNS)
    assert not len(curve.band.getData()[0])
    _, y = curve.line.getData()
    np.testing.assert_allclose(y, [*runs[0], np.nan, *runs[1], np.nan])
    assert find(find(board, Legend, "legend"), QLabel, "caption").text().startswith("lines: single runs")


def test_outliers_are_left_out_of_the_vertical_range_on_request(qtbot: QtBot) -> None:
    observations = filled(records=100)
    observations.runs[1].curves["training_loss"][30] = 1e6
    board = opened(qtbot, observations)
    plot = plot_of(board)
    assert plot.getViewBox().viewRange()[1][1] > 1e5
    find(board, QCheckBox, "ignore_outliers").click()
    low, high = plot.getViewBox().viewRange()[1]
    values = np.concatenate([plot.curve_data(name, "training_loss")[1] for name in ("mlp_1", "cnn_4")])
    inside = np.percentile(values, [2, 98])
    assert low <= inside[0] < inside[1] <= high < 5
    find(board, QCheckBox, "ignore_outliers").click()
    assert plot.getViewBox().viewRange()[1][1] > 1e5


def test_the_best_points_are_marked_with_value_and_step(board: TrainingBoard) -> None:
    plot, accuracy = plot_of(board), plot_of(board, "accuracy")
    assert best_of(plot) == ""
    find(board, QCheckBox, "mark_best").click()
    for where, quantity, best in ((plot, "training_loss", np.argmin), (accuracy, "validation_accuracy", np.argmax)):
        steps, values = where.curve_data("mlp_1", quantity)
        at = best(values)
        assert f"{values[at]:.4g} at step {steps[at]:,.0f}" in best_of(where)
        xs, ys = stars_of(where).getData()
        assert (steps[at], values[at]) in [(x, pytest.approx(y)) for x, y in zip(xs, ys, strict=True)]
    assert best_of(plot_of(board, "gradient_norm")) == "", "no gradient is the best one"
    find(board, Legend, "legend").toggled.emit("mlp_1", False)
    assert "mlp_1" not in best_of(plot)
    find(board, QCheckBox, "mark_best").click()
    assert best_of(plot) == ""
    assert not len(stars_of(plot).getData()[0])


def test_the_best_point_is_that_of_what_was_measured_not_of_the_smoothed_line(board: TrainingBoard) -> None:
    find(board, QCheckBox, "mark_best").click()
    before = best_of(plot_of(board))
    find(board, QSlider, "smoothing").setValue(90)
    assert best_of(plot_of(board)) == before


def test_reset_zoom_shows_all_again(board: TrainingBoard, qtbot: QtBot) -> None:
    plot, other = plot_of(board), plot_of(board, "gradient_norm")
    whole = plot.getViewBox().viewRange()
    plot.setXRange(50, 80, padding=0)
    plot.setYRange(0, 0.1, padding=0)
    find(board, QPushButton, "reset_zoom").click()
    np.testing.assert_allclose(plot.getViewBox().viewRange(), whole)
    np.testing.assert_allclose(other.getViewBox().viewRange()[0], whole[0])
    plot.setXRange(50, 80, padding=0)
    qtbot.keyClick(board, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: plot.getViewBox().viewRange() == whole)  # the button is animated first


def test_options_are_remembered_for_all_boards(board: TrainingBoard, qtbot: QtBot) -> None:
    choose(board, "repeats_shown", Repeats.RUNS)
    find(board, QSlider, "smoothing").setValue(30)
    find(plot_of(board), QWidget, "training_loss_log").click()
    another = learning_rate_board()
    qtbot.addWidget(another)
    assert find(another, CurveToolbar, "curve_bar").options == CurveOptions(smoothing=0.3, repeats=Repeats.RUNS)
    assert find(another, QSlider, "smoothing").value() == 30
    assert plot_of(another).is_logarithmic


def test_a_board_takes_over_what_was_chosen_in_another_tab(board: TrainingBoard) -> None:
    board.hide()
    save_options(CurveOptions(horizontal=Horizontal.EPOCH))
    board.show()
    assert find(board, QComboBox, "horizontal").currentData() == Horizontal.EPOCH
    np.testing.assert_allclose(plot_of(board).curve_data("mlp_1", "training_loss")[0], np.arange(1, 21))


@pytest.mark.parametrize("stored", ['{"smoothing": 7}', "nonsense", '{"horizontal": "inches"}'])
def test_invalid_settings_are_ignored(stored: str) -> None:
    from PySide6.QtCore import QSettings

    QSettings("Trainscope", "Trainscope").setValue("curves/options", stored)
    assert load_options() == CurveOptions()


def test_smoothing_is_imported_before_the_slider_is_moved(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    loaded: list[bool] = []
    monkeypatch.setattr("gui.plots.curves.toolbar.preload", lambda: loaded.append(True))
    bar = CurveToolbar()
    qtbot.addWidget(bar)
    slider = find(bar, QSlider, "smoothing")
    for _ in range(2):
        QApplication.sendEvent(slider, QEvent(QEvent.Type.FocusIn))
    qtbot.waitUntil(lambda: loaded == [True])


def test_every_control_can_be_reached_by_keyboard_and_says_what_it_does(board: TrainingBoard) -> None:
    bar = find(board, CurveToolbar, "curve_bar")
    for kind in (QSlider, QComboBox, QCheckBox, QPushButton):
        for widget in bar.findChildren(kind):
            assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            assert widget.objectName()
            assert widget.accessibleName()
            assert widget.toolTip()


def test_the_bar_fits_the_board_of_a_small_window(qtbot: QtBot) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    before = app.palette(), app.styleSheet()
    apply_style(app)
    apply_scheme(app, Scheme.LIGHT)
    bar = CurveToolbar()
    qtbot.addWidget(bar)
    assert bar.minimumSizeHint().width() <= 930 - 16
    app.setPalette(before[0])
    app.setStyleSheet(before[1])
