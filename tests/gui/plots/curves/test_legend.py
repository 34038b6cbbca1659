"""The legend: hide, show only one, highlight."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent, QFocusEvent
from PySide6.QtWidgets import QApplication, QGridLayout, QLabel, QScrollArea, QToolButton
from pytestqt.qtbot import QtBot

from engine.experiments.activations import ACTIVATIONS_EXPERIMENT
from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.plots.curves.legend import NOTES, Legend, VariantButton
from gui.plots.curves.options import CurveOptions, Repeats
from tests.engine.support import record, started
from tests.gui.support import begun, find, observed

NAMES = ("mlp_1", "cnn_3", "cnn_4")


@pytest.fixture
def legend(qtbot: QtBot) -> Legend:
    made = Legend()
    qtbot.addWidget(made)
    made.begin(observed(architectures=list(NAMES)))
    made.show()
    qtbot.waitExposed(made)
    return made


def button(legend: Legend, name: str) -> VariantButton:
    return find(legend, VariantButton, f"legend_{name}")


def seen(legend: Legend) -> list[str]:
    return [name for name in NAMES if button(legend, name).isChecked()]


def test_a_click_hides_and_shows(legend: Legend, qtbot: QtBot) -> None:
    with qtbot.waitSignal(legend.toggled) as toggled:
        qtbot.mouseClick(button(legend, "cnn_3"), Qt.MouseButton.LeftButton)
    assert toggled.args == ["cnn_3", False]
    assert seen(legend) == ["mlp_1", "cnn_4"]


def test_a_click_with_ctrl_shows_one_alone_and_then_all(legend: Legend, qtbot: QtBot) -> None:
    for expected in (["cnn_3"], list(NAMES)):
        qtbot.mouseClick(button(legend, "cnn_3"), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier)
        assert seen(legend) == expected


def test_the_space_bar_with_ctrl_does_the_same(legend: Legend, qtbot: QtBot) -> None:
    qtbot.keyClick(button(legend, "cnn_4"), Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert seen(legend) == ["cnn_4"]
    qtbot.keyClick(button(legend, "cnn_4"), Qt.Key.Key_Space)
    assert seen(legend) == []


def test_a_double_click_shows_one_alone_and_then_all(legend: Legend, qtbot: QtBot) -> None:
    """Send the events of Qt: a click precedes the double click."""
    for expected in (["cnn_3"], list(NAMES)):
        qtbot.mouseClick(button(legend, "cnn_3"), Qt.MouseButton.LeftButton)
        qtbot.mouseDClick(button(legend, "cnn_3"), Qt.MouseButton.LeftButton)
        assert seen(legend) == expected


def test_mouse_and_keyboard_highlight_a_variant(legend: Legend, qtbot: QtBot) -> None:
    said: list[str | None] = []
    legend.highlighted.connect(said.append)
    point = QPointF(1, 1)
    for event in (
        QEnterEvent(point, point, point),
        QEvent(QEvent.Type.Leave),
        QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason),
        QFocusEvent(QEvent.Type.FocusOut, Qt.FocusReason.TabFocusReason),
        QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.MouseFocusReason),
    ):
        QApplication.sendEvent(button(legend, "cnn_4"), event)
    assert said == ["cnn_4", None, "cnn_4", None]
    assert button(legend, "cnn_4").focusPolicy() & Qt.FocusPolicy.TabFocus


def test_a_click_that_hides_ends_the_highlight_and_one_that_shows_brings_it_back(legend: Legend, qtbot: QtBot) -> None:
    said: list[str | None] = []
    made, point = button(legend, "cnn_4"), QPointF(1, 1)
    legend.highlighted.connect(said.append)
    QApplication.sendEvent(made, QEnterEvent(point, point, point))
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton)
    assert said == ["cnn_4", None]
    QApplication.sendEvent(made, QEvent(QEvent.Type.Leave))
    QApplication.sendEvent(made, QEnterEvent(point, point, point))
    assert set(said[2:]) == {None}, "what is hidden can't be pointed out"
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton)
    assert said[-1] == "cnn_4"


@pytest.mark.parametrize("repeats", list(Repeats))
def test_the_note_says_what_lines_and_bands_are(legend: Legend, repeats: Repeats) -> None:
    legend.describe(CurveOptions(repeats=repeats))
    assert find(legend, QLabel, "caption").text() == NOTES[repeats]


def test_the_legend_hides_a_variant_everywhere(qtbot: QtBot) -> None:
    legend = Legend()
    accuracy = CurvePlot("accuracy", "Accuracy", "accuracy (%)", (Series("validation_accuracy", 100.0),))
    qtbot.addWidget(legend)
    qtbot.addWidget(accuracy)
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


def test_a_new_plan_has_its_own_legend(qtbot: QtBot) -> None:
    legend = Legend()
    qtbot.addWidget(legend)
    legend.begin(observed(architectures=["mlp_1", "cnn_4"]))
    legend.begin(observed(architectures=["cnn_5"]))
    qtbot.waitUntil(lambda: len(legend.findChildren(QToolButton)) == 1)
    assert find(legend, QToolButton, "legend_cnn_5").isChecked()
