"""Each view shows what was observed."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QToolButton
from pytestqt.qtbot import QtBot

from engine.events.runs import Status
from engine.experiments.activations import ACTIVATIONS_EXPERIMENT
from engine.networks.weight_images import GAP
from gui.boards.activations import activations_board
from gui.boards.panels.run_table import COLUMNS, PROGRESS_COLUMN, RunTable
from gui.boards.panels.weight_grids import WeightGrid, WeightGrids
from gui.forms.dataset_chooser import DatasetChooser
from gui.plots.accuracy_scatter import AccuracyScatter
from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.plots.curves.legend import Legend
from gui.plots.ranges import round_range
from gui.utils.painting import to_qimage
from gui.utils.text import as_duration
from gui.widgets.collapsible_text import CollapsibleText
from gui.widgets.message_bar import MessageBar
from tests.engine.support import finished, record, started, weights
from tests.gui.support import begun, find, items, observed, samples


@pytest.fixture
def accuracy(qtbot: QtBot) -> CurvePlot:
    series = (Series("validation_accuracy", 100.0), Series("training_accuracy", 100.0, dashed=True))
    plot = CurvePlot("accuracy", "Accuracy", "accuracy (%)", series)
    qtbot.addWidget(plot)
    return plot


def test_a_curve_plot_draws_means_in_the_axis_unit(accuracy: CurvePlot) -> None:
    observations = observed(
        *(started(1), record(1, 10, validation_accuracy=0.2), record(1, 20, validation_accuracy=0.4)),
        *(started(2), record(2, 10, validation_accuracy=0.4)),
        repeats=2,
    )
    accuracy.begin(observations)
    accuracy.refresh(observations)
    steps, values = accuracy.curve_data("mlp_1", "validation_accuracy")
    assert steps.tolist() == [10, 20]
    np.testing.assert_allclose(values, [30, 40])


def test_a_band_spans_one_deviation_where_there_are_two_runs(accuracy: CurvePlot) -> None:
    observations = observed(
        *(started(1), record(1, 10, validation_accuracy=0.2), record(1, 20)),
        *(started(2), record(2, 10, validation_accuracy=0.4)),
        repeats=2,
    )
    accuracy.begin(observations)
    accuracy.refresh(observations)
    band = accuracy.curves["mlp_1"][0].band
    assert band is not None
    deviation = 100 * np.std([0.2, 0.4], ddof=1)
    steps, values = band.getData()
    assert steps.tolist() == [10, 10]
    np.testing.assert_allclose(values, [30 - deviation, 30 + deviation])


def test_a_variant_without_news_is_not_drawn_again(accuracy: CurvePlot, monkeypatch: pytest.MonkeyPatch) -> None:
    observations = observed(started(), record())
    accuracy.begin(observations)
    accuracy.refresh(observations)
    curve = accuracy.curves["mlp_1"][0]
    monkeypatch.setattr(curve, "update", lambda *_options: pytest.fail("taken in without news"))
    accuracy.refresh(observations)


def test_a_zoomed_plot_stays_where_the_user_put_it(accuracy: CurvePlot) -> None:
    observations = observed(started(), record(1, 10, validation_accuracy=0.1))
    accuracy.begin(observations)
    accuracy.refresh(observations)
    accuracy.getViewBox().setYRange(5, 15, padding=0)
    accuracy.getViewBox().sigRangeChangedManually.emit([True, True])
    observations.take(record(1, 20, validation_accuracy=0.9))
    accuracy.refresh(observations)
    np.testing.assert_allclose(accuracy.getViewBox().viewRange()[1], [5, 15])


def test_a_logarithmic_plot_leaves_out_what_has_no_logarithm(qtbot: QtBot) -> None:
    plot = CurvePlot("gradient_norm", "Gradient", "L2 norm", (Series("gradient_norm"),), logarithmic=True)
    qtbot.addWidget(plot)
    observations = observed(
        started(), *(record(1, 10 * i, gradient_norms=(v, 1.0)) for i, v in enumerate((0.01, 0.0, math.nan, 1.0), 1))
    )
    plot.begin(observations)
    plot.refresh(observations)
    low, high = plot.getViewBox().viewRange()[1]
    assert low <= -2
    assert high >= 0
    assert math.isfinite(low)
    plot.grab()


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_round_range_holds_what_it_is_for(low: float, span: float) -> None:
    high = low + span
    bottom, top = round_range(low, high)
    slack = 1e-9 * max(abs(low), abs(high), 1)
    assert bottom <= low + slack
    assert top >= high - slack
    assert top > bottom


def test_the_scatter_has_one_point_a_tested_run(qtbot: QtBot) -> None:
    scatter = AccuracyScatter()
    qtbot.addWidget(scatter)
    observations = observed(
        *(started(1), record(1, 260, training_accuracy=0.9), finished(1, test_accuracy=0.8)),
        *(started(2), record(2, 10)),
        repeats=2,
    )
    scatter.begin(observations)
    scatter.refresh(observations)
    (points,) = items(scatter, pg.ScatterPlotItem)
    x, y = points.getData()
    np.testing.assert_allclose(x, [90])
    np.testing.assert_allclose(y, [80])


def test_the_table_has_a_row_a_run_and_says_why_one_failed(qtbot: QtBot) -> None:
    table = RunTable()
    qtbot.addWidget(table)
    observations = observed(
        *(started(1), record(1, 130, training_accuracy=0.5)),
        finished(2, Status.CRASHED, reason="It was killed.", test_accuracy=None),
        repeats=2,
    )
    table.begin(observations)
    table.refresh(observations)
    model = table.model()
    texts = [[model.index(row, column).data() for column in range(len(COLUMNS))] for row in range(model.rowCount())]
    assert texts[0][:6] == ["mlp_1", "1", "running", "50 %", "0 s", "33,130"]
    assert texts[0][6:] == ["50.00 %", "25.00 %", ""]
    assert texts[1][:3] == ["mlp_1", "2", "crashed"]
    assert model.index(1, 2).data(Qt.ItemDataRole.ToolTipRole) == "It was killed."
    assert model.index(0, PROGRESS_COLUMN).data(Qt.ItemDataRole.UserRole) == 0.5
    table.resize(900, 200)
    assert not table.grab().isNull()


def test_weights_appear_as_an_image_with_their_epoch_and_scale(qtbot: QtBot) -> None:
    grids = WeightGrids()
    qtbot.addWidget(grids)
    observations = observed(started(), weights(step=26, epoch=1))
    grids.begin(observations)
    grids.refresh(observations)
    grid = find(grids, WeightGrid, "weights_mlp_1")
    assert "run 1, step 26" in find(grid, QLabel, "caption").text()
    image = grid.image
    # 32 images of 32x32 in 8 columns and 4 rows, with a gap around each.
    assert (image.width(), image.height()) == (8 * (32 + GAP) + GAP, 4 * (32 + GAP) + GAP)


def test_pixels_of_an_image_are_those_of_the_array() -> None:
    pixels = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(5, 3, 3)
    image = to_qimage(pixels)
    assert (image.width(), image.height()) == (3, 5)
    assert image.pixelColor(2, 4).getRgb()[:3] == tuple(pixels[4, 2])
    gray = to_qimage(pixels[:, :, :1])
    assert gray.pixelColor(1, 2).red() == pixels[2, 1, 0]


def test_the_legend_hides_a_variant_everywhere(qtbot: QtBot, accuracy: CurvePlot) -> None:
    legend = Legend()
    qtbot.addWidget(legend)
    observations = observed(started(), record(), architectures=["mlp_1", "cnn_4"])
    legend.begin(observations)
    accuracy.begin(observations)
    legend.toggled.connect(accuracy.show_variant)
    find(legend, QToolButton, "legend_mlp_1").click()
    assert not accuracy.curves["mlp_1"][0].line.isVisible()
    assert accuracy.curves["cnn_4"][0].line.isVisible()


def test_where_activations_are_compared_the_legend_has_a_row_for_each(qtbot: QtBot) -> None:
    legend = Legend()
    qtbot.addWidget(legend)
    legend.begin(begun(ACTIVATIONS_EXPERIMENT, architectures=["mlp_1", "cnn_4", "cnn_5"]))
    grid = legend.findChild(QScrollArea).widget().layout()
    assert isinstance(grid, QGridLayout)
    rows = [[grid.itemAtPosition(row, column).widget().text() for column in range(3)] for row in range(2)]
    assert rows == [
        [f"{name}/{activation}" for name in ("mlp_1", "cnn_4", "cnn_5")] for activation in ("relu", "sigmoid")
    ]


def test_a_plan_begun_anew_has_its_own_legend(qtbot: QtBot) -> None:
    legend = Legend()
    qtbot.addWidget(legend)
    legend.begin(observed(architectures=["mlp_1", "cnn_4"]))
    legend.begin(observed(architectures=["cnn_5"]))
    qtbot.waitUntil(lambda: len(legend.findChildren(QToolButton)) == 1)
    assert find(legend, QToolButton, "legend_cnn_5").isChecked()


def test_a_lesson_can_be_folded_away(qtbot: QtBot) -> None:
    lesson = CollapsibleText("Watch the <b>loss</b>.")
    qtbot.addWidget(lesson)
    lesson.show()
    text = find(lesson, QLabel, "lesson_text")
    assert text.isVisible()
    find(lesson, QToolButton, "lesson_toggle").click()
    assert not text.isVisible()
    find(lesson, QToolButton, "lesson_toggle").click()
    assert text.isVisible()


def test_the_log_button_turns_the_axis_and_keeps_the_values(accuracy: CurvePlot) -> None:
    observations = observed(
        *(started(1), record(1, 10, validation_accuracy=0.1), record(1, 20, validation_accuracy=0.5)),
        *(started(2), record(2, 10, validation_accuracy=0.3), record(2, 20, validation_accuracy=0.0)),
        repeats=2,
    )
    accuracy.begin(observations)
    accuracy.refresh(observations)
    button = find(accuracy, QToolButton, "accuracy_log")
    for logarithmic in (True, False):
        button.click()
        assert accuracy.is_logarithmic is logarithmic
        np.testing.assert_allclose(accuracy.curve_data("mlp_1", "validation_accuracy")[1], [20, 25])
        low, high = accuracy.getViewBox().viewRange()[1]
        least, most = (math.log10(20), math.log10(25)) if logarithmic else (20, 25)
        assert low <= least < most <= high
        band = accuracy.curves["mlp_1"][0].band
        assert band is not None
        assert np.isfinite(band.getData()[1]).all()
        assert not accuracy.grab().isNull()


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


def test_the_message_bar_is_there_only_while_there_is_something_to_say(qtbot: QtBot) -> None:
    bar = MessageBar()
    qtbot.addWidget(bar)
    assert bar.isHidden()
    bar.show_error("The disk is full; make room.")
    assert not bar.isHidden()
    assert bar.text == "The disk is full; make room."
    find(bar, QToolButton, "dismiss_message").click()
    assert bar.isHidden()


def test_the_chooser_shows_samples_of_its_own_choice_only(qtbot: QtBot) -> None:
    chooser = DatasetChooser()
    qtbot.addWidget(chooser)
    chooser.choose("digits")
    chooser.show_samples(samples("cifar10"))
    assert find(chooser, QLabel, "sample_1").pixmap().isNull()
    chooser.show_samples(samples("digits"))
    assert not find(chooser, QLabel, "sample_1").pixmap().isNull()
    assert "1,000 images" in find(chooser, QLabel, "dataset_info").text()


def test_a_folder_of_ones_own_joins_the_list(qtbot: QtBot) -> None:
    chooser = DatasetChooser()
    qtbot.addWidget(chooser)
    with qtbot.assertNotEmitted(chooser.chosen):
        chooser.choose("/home/somebody/größe")
    assert chooser.dataset == "/home/somebody/größe"
    with qtbot.waitSignal(chooser.chosen) as chosen:
        chooser.use("digits")
    assert chosen.args == ["digits"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (245, "4 min 05 s"), (7805, "2 h 10 min"), (3599.6, "1 h 00 min")]
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert as_duration(seconds) == text
