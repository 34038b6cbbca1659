"""The Basics tab: three panels compute immediately, the fourth is filled while the experiment runs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSlider,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.events.experiments import ComputationStarted, ComputedPart, ExperimentFinished
from engine.events.runs import Status
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.experiments.basics.experiment import BasicsSpec
from engine.experiments.basics.report import OPTIMIZERS
from engine.networks.architectures import ARCHITECTURES, count_parameters
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards.basics.board import BasicsBoard, basics_board
from gui.boards.basics.cross_entropy import CLASSES, MAX_LOSS, GradientBars, LossCurve
from gui.boards.basics.recovery import RecoveryPanel, RecoveryPlot
from gui.experiment.experiment_tab import ExperimentTab
from gui.forms.form import Form
from gui.forms.network_table import NetworkTable
from gui.observations.experiment import Observations
from gui.utils.theme import Scheme, apply_scheme
from tests.gui.support import find, items


@pytest.fixture
def board(qtbot: QtBot) -> BasicsBoard:
    made = basics_board()
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    qtbot.waitExposed(made)
    assert isinstance(made, BasicsBoard)
    return made


def text(parent: QWidget, name: str) -> str:
    return find(parent, QLabel, name).text()


def part(step: int, **differences: float) -> ComputedPart:
    """Return a step in which SGD is off by 1e-6 and the others by 1, except for ``differences``."""
    values: dict[str, Any] = {"step": step, "steps": 50}
    for name in OPTIMIZERS:
        difference = differences.get(name, 1e-6 if name == "sgd" else 1.0)
        values[name] = {"difference": difference, "gradient": 0.1, "bound": 2e-6, "within": difference <= 2e-6}
    return ComputedPart("step", values)


def observed(*parts: ComputedPart) -> Observations:
    observations = Observations()
    for event in (ComputationStarted(1, "basics"), *parts):
        observations.take(event)
    return observations


# Cross-entropy


def point(board: BasicsBoard) -> tuple[float, float]:
    _examples, moved = items(find(board, LossCurve, "cross_entropy"), pg.ScatterPlotItem)
    x, y = moved.getData()
    return float(x[0]), float(y[0])


def test_it_begins_with_the_homeworks_example(board: BasicsBoard) -> None:
    assert "0.1625 nats" in text(board, "cross_entropy_value")
    np.testing.assert_allclose(point(board), (0.85, -math.log(0.85)), rtol=1e-9)
    assert text(board, "gradient_cat") == "-0.150"


@pytest.mark.parametrize(("thousandths", "loss"), [(700, "0.3567"), (500, "0.6931"), (1, "6.9078"), (999, "0.0010")])
def test_the_slider_moves_the_point_along_the_curve(board: BasicsBoard, thousandths: int, loss: str) -> None:
    find(board, QSlider, "true_probability").setValue(thousandths)
    assert f"{loss} nats" in text(board, "cross_entropy_value")
    assert point(board)[0] == pytest.approx(thousandths / 1000)
    assert text(board, "p_cat") == f"{thousandths / 1000:.3f}"


def test_logits_make_the_probabilities_and_their_gradient(board: BasicsBoard) -> None:
    for name, logit in zip(CLASSES, (2.0, 1.0, -1.0), strict=True):
        find(board, QSlider, f"logit_{name}").setValue(round(10 * logit))
    expected = np.exp([2.0, 1.0, -1.0])
    expected /= expected.sum()
    assert [text(board, f"p_{name}") for name in CLASSES] == [f"{p:.3f}" for p in expected]
    gradient = expected - np.array([1, 0, 0])
    (bars,) = items(find(board, GradientBars, "logit_gradient"), pg.BarGraphItem)
    np.testing.assert_allclose(bars.opts["height"], gradient)
    assert find(board, QSlider, "true_probability").value() == round(1000 * expected[0])


def test_another_true_class_changes_the_loss_and_not_the_probabilities(board: BasicsBoard) -> None:
    before = [text(board, f"p_{name}") for name in CLASSES]
    find(board, QRadioButton, "true_class_ship").click()
    assert [text(board, f"p_{name}") for name in CLASSES] == before
    assert f"{-math.log(0.075):.4f} nats" in text(board, "cross_entropy_value")
    assert text(board, "gradient_ship") == "-0.925"


def test_a_loss_above_the_plot_is_displayed_as_text(board: BasicsBoard) -> None:
    find(board, QSlider, "logit_cat").setValue(-80)
    find(board, QSlider, "logit_dog").setValue(80)
    assert "16.0003 nats" in text(board, "cross_entropy_value")
    assert point(board)[1] == MAX_LOSS


def test_sliders_answer_to_the_keyboard(board: BasicsBoard) -> None:
    slider = find(board, QSlider, "true_probability")
    QTest.keyClick(slider, Qt.Key.Key_Left)
    assert point(board)[0] == pytest.approx(0.849)


# Gradient from two weights


def test_steps_are_drawn_as_they_come(board: BasicsBoard) -> None:
    (view,) = board.views()
    plot = find(board, RecoveryPlot, "gradient_recovery")
    observations = observed(part(1, momentum=1e-6), part(2))
    view.begin(observations)
    view.refresh(observations)
    steps, values = plot.lines["momentum", "difference"].getOriginalDataset()
    assert steps.tolist() == [1, 2]
    assert values.tolist() == [1e-6, 1.0]
    observations.take(part(3))
    view.refresh(observations)
    assert plot.lines["sgd", "bound"].getOriginalDataset()[0].tolist() == [1, 2, 3]
    low, high = plot.getViewBox().viewRange()[0]
    assert low <= 0
    assert high >= 50, "there is room for the steps to come"


def test_the_largest_differences_are_explained(board: BasicsBoard) -> None:
    (view,) = board.views()
    observations = observed(part(1), part(2, sgd=1.5e-6, adam=3.25), part(3))
    view.begin(observations)
    view.refresh(observations)
    sgd, momentum, adam = text(board, "recovery_words").split("<br>")
    assert "1.5e-06" in sgd
    assert "rounding: up to 2.0e-06" in sgd
    assert "share of the last step" in momentum
    assert "3.2" in adam
    assert "each weight" in adam


def test_sgd_beyond_rounding_would_not_be_called_rounding(board: BasicsBoard) -> None:
    (view,) = board.views()
    observations = observed(part(1, sgd=0.5))
    view.begin(observations)
    view.refresh(observations)
    assert "rounding" not in text(board, "recovery_words")


def test_a_new_run_begins_with_nothing(board: BasicsBoard) -> None:
    (view,) = board.views()
    observations = observed(part(1))
    view.begin(observations)
    view.refresh(observations)
    view.begin(observed())
    plot = find(board, RecoveryPlot, "gradient_recovery")
    assert all(line.getOriginalDataset() == (None, None) for line in plot.lines.values())
    assert "off by" not in text(board, "recovery_words")
    view.refresh(observed())


def test_unchanged_steps_are_not_redrawn(board: BasicsBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = find(board, RecoveryPanel, "recovery_panel")
    observations = observed(part(1))
    panel.begin(observations)
    panel.refresh(observations)
    plot = find(panel, RecoveryPlot, "gradient_recovery")
    monkeypatch.setattr(plot, "refresh", lambda _observations: pytest.fail("redrawn without a change"))
    panel.refresh(observations)


def test_a_difference_of_zero_is_left_out_of_the_axis(board: BasicsBoard) -> None:
    (view,) = board.views()
    observations = observed(part(1, sgd=0.0))
    view.begin(observations)
    view.refresh(observations)
    low, _high = find(board, RecoveryPlot, "gradient_recovery").getViewBox().viewRange()[1]
    assert math.isfinite(low)
    board.grab()


def test_the_panels_keep_their_place_when_steps_come(board: BasicsBoard) -> None:
    panels = [find(board, QWidget, name) for name in ("cross_entropy_panel", "recovery_panel", "parameters_panel")]
    before = [panel.geometry() for panel in panels]
    (view,) = board.views()
    observations = observed(part(1), part(2))
    view.begin(observations)
    view.refresh(observations)
    QApplication.processEvents()
    assert [panel.geometry() for panel in panels] == before


def test_scales_follow_the_palette(board: BasicsBoard) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    plot = find(board, RecoveryPlot, "gradient_recovery")
    colours = []
    for scheme in (Scheme.DARK, Scheme.LIGHT):
        apply_scheme(app, scheme)
        QApplication.processEvents()
        (_, label), *_ = plot.getPlotItem().legend.items
        assert label.opts["color"] == board.palette().color(QPalette.ColorRole.Text).name()
        colours.append(plot.lines["sgd", "bound"].opts["pen"].color().name())
    assert colours[0] != colours[1]


# Batches


def test_batches_of_the_course_are_shown_first(board: BasicsBoard) -> None:
    assert "<b>900</b>" in text(board, "batches_per_epoch")
    assert "<b>50</b>, full" in text(board, "last_batch")
    assert "<b>13,500</b>" in text(board, "iterations")


def test_any_numbers_are_counted_and_go_to_the_form(board: BasicsBoard, qtbot: QtBot) -> None:
    find(board, QSpinBox, "count_batch_size").setValue(64)
    find(board, QSpinBox, "count_epochs").setValue(2)
    with qtbot.waitSignal(board.settings_chosen) as signal:
        find(board, QSpinBox, "count_images").setValue(1293)
    assert text(board, "batches_per_epoch") == "⌈1,293 / 64⌉ = <b>21</b>"
    assert text(board, "last_batch") == "1,293 - 20·64 = <b>13</b>, short"
    assert text(board, "iterations") == "21·2 = <b>42</b>"
    assert signal.args == [{"images": 1293, "batch_size": 64, "epochs": 2}]


def test_numbers_are_written_with_commas_whatever_the_system_says(board: BasicsBoard) -> None:
    assert find(board, QSpinBox, "count_images").text() == "45,000"


# Parameters


def rows(board: BasicsBoard) -> list[list[str]]:
    table = find(board, NetworkTable, "network_layers")
    model = table.model()
    return [
        [str(model.index(row, column).data()) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_five_can_be_started_from(board: BasicsBoard, name: str) -> None:
    box = find(board, QComboBox, "parameters_start")
    box.setCurrentText(name)
    box.activated.emit(box.currentIndex())
    total = count_parameters(name, (32, 32, 1), 10)
    assert f"{total:,} parameters" in text(board, "parameters_message")
    assert rows(board)[-1][-1] == f"{total:,}"
    assert "Act" not in find(board, QLineEdit, "parameters_network").text()


def test_a_network_is_counted_while_it_is_typed(board: BasicsBoard) -> None:
    line = find(board, QLineEdit, "parameters_network")
    find(board, QComboBox, "parameters_start").setCurrentIndex(2)
    line.clear()
    QTest.keyClicks(line, "Conv-3x5x4, ReLU, FC-7")
    shown = [[row[1], *row[2:]] for row in rows(board)]
    assert shown == [
        ["28x30x4", "(1·5·3 + 1)·4", "64"],
        ["28x30x4", "", "0"],
        ["7", "28·30·4·7 + 7", "23,527"],
        ["10", "7·10 + 10", "80"],
        ["", "", "23,671"],
    ]
    assert find(board, QComboBox, "parameters_start").currentIndex() == 0, "it is the user's own now"


@pytest.mark.parametrize(
    ("network", "height", "sentence"),
    [
        ("", 32, "the network has no layer"),
        ("Conv-3x3", 32, "'Conv-3x3' is no layer"),
        ("Conv-3x3x8, MaxPool-2x2, Conv-5x5x4", 8, "at conv_2, a 5x5 kernel does not fit on a 15x3 image."),
        ("FC-60000, FC-60000", 32, "at most 50,000,000"),
    ],
)
def test_an_invalid_network_is_reported(board: BasicsBoard, network: str, height: int, sentence: str) -> None:
    find(board, QSpinBox, "input_height").setValue(height)
    find(board, QLineEdit, "parameters_network").setText(network)
    assert sentence in text(board, "parameters_message")
    assert rows(board) == []
    find(board, QLineEdit, "parameters_network").setText("FC-4")
    assert len(rows(board)) == 3


def test_only_valid_networks_are_passed_to_the_form(board: BasicsBoard) -> None:
    heard: list[dict[str, Any]] = []
    board.settings_chosen.connect(heard.append)
    line = find(board, QLineEdit, "parameters_network")
    line.setText("fc-5,relu")
    line.setText("fc-5,rel")
    find(board, QSpinBox, "count_classes").setValue(3)
    assert heard == [{"network": "FC-5, ReLU", "input_shape": (32, 32, 1), "classes": 10}]
    line.setText("fc-5")
    assert heard[-1] == {"network": "FC-5", "input_shape": (32, 32, 1), "classes": 3}


# Board and form


def test_settings_of_the_form_are_shown(board: BasicsBoard) -> None:
    heard: list[dict[str, Any]] = []
    board.settings_chosen.connect(heard.append)
    board.show_settings(BasicsSpec(images=100, batch_size=30, epochs=2, network="FC-3", input_shape=(2, 3, 1)))
    assert "<b>8</b>" in text(board, "iterations")
    assert rows(board)[0][2] == "2·3·1·3 + 3"
    assert heard == [], "what comes from the form is not news to it"


def test_an_equivalent_network_being_typed_is_left_alone(board: BasicsBoard) -> None:
    line = find(board, QLineEdit, "parameters_network")
    line.setText("FC-5, Re")
    board.show_settings(BasicsSpec(steps=7))
    assert line.text() == "FC-5, Re"


def test_the_form_shows_and_reads_every_setting(qtbot: QtBot) -> None:
    form = Form(BasicsSpec)
    qtbot.addWidget(form)
    spec = BasicsSpec(learning_rate=0.25, network="Conv-5x3x2, Tanh", input_shape=(7, 9, 3), classes=4, images=60_000)
    form.show_spec(spec)
    assert form.spec() == spec


def test_the_whole_tab_follows_an_experiment(qtbot: QtBot, tmp_path: Path) -> None:
    tab = ExperimentTab(BASICS_EXPERIMENT, basics_board, WeightReader(StoreReader(tmp_path)))
    qtbot.addWidget(tab)
    find(tab.board, QSpinBox, "count_images").setValue(1000)
    find(tab.board, QLineEdit, "parameters_network").setText("FC-9")
    with qtbot.waitSignal(tab.run_requested) as signal:
        tab.start()
    (entry,) = signal.args
    assert (entry.spec.images, entry.spec.network) == (1000, "FC-9")
    for event in (ComputationStarted(1, "basics"), part(1), part(2), ExperimentFinished(1, Status.FINISHED)):
        tab.take(event)
    plot = find(tab, RecoveryPlot, "gradient_recovery")
    assert plot.lines["adam", "difference"].getOriginalDataset()[0].tolist() == [1, 2]


def test_every_control_has_a_name_of_its_own(board: BasicsBoard) -> None:
    controls = [
        widget
        for kind in (QSlider, QRadioButton, QComboBox, QLineEdit, QSpinBox)
        for widget in board.findChildren(kind)
        if not widget.objectName().startswith("qt_")
    ]
    names = [control.objectName() for control in controls]
    assert all(names)
    assert len(set(names)) == len(names)
    assert not set(names) & set(BasicsSpec.model_fields), "nor one of the form's"
