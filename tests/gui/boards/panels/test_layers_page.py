"""Page with the quantities of every layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPalette
from PySide6.QtWidgets import QComboBox, QLabel
from pytestqt.qtbot import QtBot

from engine.events.runs import KeptWeights, RunStarted
from gui.boards.panels.layer_plot import LayerPlot
from gui.boards.panels.layers_page import RULE_OF_THUMB, LayersPage
from gui.observations.experiment import Observations
from gui.utils.painting import depth_colours
from tests.engine.support import finished, record, started
from tests.gui.support import find, observed


@pytest.fixture
def page(qtbot: QtBot) -> LayersPage:
    made = LayersPage()
    qtbot.addWidget(made)
    return made


def noted(run: int, step: int, factor: float = 1.0, **changes: Any) -> Any:
    values = {
        "gradient_norms": (0.5 * factor, 2.0 * factor),
        "update_ratios": (0.002 * factor, 0.004 * factor),
        "dead_units": (8,),
        "activation_means": (0.5 * factor,),
        "activation_deviations": (0.25,),
    }
    return record(run, step, **(values | changes))


def two_runs() -> Observations:
    """Two runs of mlp_1: 32 units, of which 8 are dead."""
    events = (started(1), noted(1, 10), noted(1, 20, 3.0), started(2), noted(2, 10, 3.0))
    return observed(*events, repeats=2)


def shown(page: LayersPage, observations: Observations) -> None:
    for view in page.views():
        view.begin(observations)
    for view in page.views():
        view.refresh(observations)


def plot(page: LayersPage, name: str) -> LayerPlot:
    return find(page, LayerPlot, name)


def drawn(page: LayersPage, name: str) -> dict[str, list[float]]:
    made = plot(page, name)
    return {each: made.line(each).data[1].tolist() for each in made.names}


def test_each_layer_has_a_curve_of_the_mean_over_the_runs(page: LayersPage) -> None:
    shown(page, two_runs())
    assert drawn(page, "layer_gradients") == {"dense_1": [1.0, 1.5], "prediction": [4.0, 6.0]}
    ratios = drawn(page, "layer_updates")
    np.testing.assert_allclose([ratios["dense_1"], ratios["prediction"]], [[0.004, 0.006], [0.008, 0.012]], rtol=1e-6)
    assert drawn(page, "layer_activations") == {"act_1": [1.0, 1.5]}
    assert drawn(page, "layer_dead_units") == {"act_1": [25.0, 25.0]}
    assert plot(page, "layer_gradients").line("dense_1").data[0].tolist() == [10, 20]


def test_a_single_run_can_be_chosen(page: LayersPage) -> None:
    shown(page, two_runs())
    box = find(page, QComboBox, "layers_run")
    assert [box.itemText(place) for place in range(box.count())] == ["Mean of all runs", "Run 1", "Run 2"]
    box.setCurrentText("Run 2")
    assert drawn(page, "layer_gradients") == {"dense_1": [1.5], "prediction": [6.0]}
    assert drawn(page, "layer_activations") == {"act_1": [1.5]}


def test_another_variant_can_be_chosen_and_stays_when_the_plan_grows(page: LayersPage) -> None:
    observations = observed(started(1), noted(1, 10), started(2), noted(2, 10, 3.0), architectures=["mlp_1", "mlp_2"])
    shown(page, observations)
    box = find(page, QComboBox, "layers_variant")
    assert drawn(page, "layer_gradients")["dense_1"] == [0.5]
    box.setCurrentText("mlp_2")
    assert drawn(page, "layer_gradients")["dense_1"] == [1.5]
    shown(page, observations)
    assert box.currentText() == "mlp_2"
    assert drawn(page, "layer_gradients")["dense_1"] == [1.5]
    shown(page, two_runs())
    assert box.currentText() == "mlp_1"
    assert [find(page, QComboBox, "layers_run").itemText(place) for place in range(3)][2] == "Run 2"


def test_a_band_reaches_one_deviation_to_each_side(page: LayersPage) -> None:
    shown(page, two_runs())
    low, high = plot(page, "layer_activations").line("act_1").band
    assert (low.tolist(), high.tolist()) == ([0.75, 1.25], [1.25, 1.75])
    x, y = plot(page, "layer_activations").line("act_1").outline.getData()
    assert (x.tolist(), y.tolist()) == ([10, 20, 20, 10], [0.75, 1.25, 1.75, 1.25])


def test_the_rule_of_thumb_is_marked_with_its_source(page: LayersPage) -> None:
    shown(page, two_runs())
    updates = plot(page, "layer_updates")
    (line,) = [item for item in updates.getPlotItem().items if type(item).__name__ == "InfiniteLine"]
    assert line.value() == pytest.approx(math.log10(RULE_OF_THUMB))
    assert "CS231n" in line.toolTip()
    low, high = updates.getViewBox().viewRange()[1]
    assert low <= -3 <= high, "in sight whatever the values are"


def test_zeros_and_values_that_are_not_finite_leave_gaps_on_a_logarithmic_axis(page: LayersPage) -> None:
    values = ((0.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (0.1, 1.0))
    shown(page, observed(started(), *(noted(1, 10 * n, gradient_norms=v) for n, v in enumerate(values, 1))))
    _, heights = plot(page, "layer_gradients").line("dense_1").line.getData()
    np.testing.assert_allclose(heights, [math.nan, math.nan, math.nan, -1.0], rtol=1e-6)
    assert np.isfinite(plot(page, "layer_gradients").getViewBox().viewRange()[1]).all()
    page.resize(900, 400)
    assert not page.grab().isNull()


def test_a_record_is_drawn_when_it_comes_and_nothing_twice(page: LayersPage, monkeypatch: pytest.MonkeyPatch) -> None:
    observations = two_runs()
    shown(page, observations)
    observations.take(noted(2, 20, 5.0))
    page.plots[0].refresh(observations)
    assert drawn(page, "layer_gradients")["dense_1"] == [1.0, 2.0]
    monkeypatch.setattr(page.plots[0].line("dense_1"), "update", lambda *_data: pytest.fail("redrawn without a change"))
    page.plots[0].refresh(observations)


def test_of_many_records_a_few_more_wait_for_the_end_of_the_run(page: LayersPage) -> None:
    observations = observed(started(), *(noted(1, step) for step in range(1, 201)))
    shown(page, observations)
    observations.take(noted(1, 201))
    page.plots[0].refresh(observations)
    assert len(drawn(page, "layer_gradients")["dense_1"]) == 200, "half a percent more moves no curve"
    observations.take(finished(1))
    page.plots[0].refresh(observations)
    assert len(drawn(page, "layer_gradients")["dense_1"]) == 201


def test_runs_of_an_older_store_have_no_activations_to_show(page: LayersPage) -> None:
    shown(page, observed(RunStarted(1, started().device, {}, ("dense_1", "prediction"), 26), record()))
    assert drawn(page, "layer_activations") == {}
    assert set(drawn(page, "layer_gradients")) == {"dense_1", "prediction"}
    find(page, QComboBox, "layers_run").setCurrentText("Run 1")
    assert drawn(page, "layer_dead_units") == {}


def test_records_without_numbers_of_activations_show_none(page: LayersPage) -> None:
    observations = observed(started(), record(), record(1, 20))
    assert observations.runs[1].activations == ("act_1",)
    shown(page, observations)
    assert drawn(page, "layer_activations") == {}
    find(page, QComboBox, "layers_run").setCurrentText("Run 1")
    assert drawn(page, "layer_activations") == {}


def test_nothing_seen_yet_shows_nothing(page: LayersPage) -> None:
    shown(page, observed())
    assert drawn(page, "layer_gradients") == {}
    assert [find(page, QLabel, name).text() for name in ("layers_legend", "activations_legend")] == ["", ""]


def test_the_legend_names_layers_and_activations_in_their_colours(page: LayersPage) -> None:
    shown(page, two_runs())
    text = find(page, QLabel, "layers_legend").text()
    first, last = depth_colours(2, page.palette())
    assert f"{first.name()}'>■</span>&nbsp;dense_1" in text
    assert f"{last.name()}'>■</span>&nbsp;prediction" in text
    assert text.startswith("Layers:")
    assert plot(page, "layer_gradients").line("dense_1").colour == first


def test_the_legend_of_a_deep_network_names_the_first_some_between_and_the_last(page: LayersPage) -> None:
    layers = (*tuple(f"conv_{number}" for number in range(1, 23)), "prediction")
    shown(page, observed(RunStarted(1, started().device, {}, layers, 26)))
    legend = find(page, QLabel, "layers_legend")
    text = legend.text()
    colours = depth_colours(len(layers), page.palette())
    named = [
        number for number, layer in enumerate(layers) if f"{colours[number].name()}'>■</span>&nbsp;{layer}" in text
    ]
    assert named == [*range(0, 22, 2), 22]
    assert " … " in text
    assert all(f"&nbsp;{layer}" in legend.toolTip() for layer in layers)


def test_activations_share_colours_with_layers_but_no_legend(page: LayersPage) -> None:
    shown(page, two_runs())
    legend = find(page, QLabel, "activations_legend")
    colour = plot(page, "layer_activations").line("act_1").colour
    assert legend.text() == f"Activations:&ensp; <span style='color:{colour.name()}'>■</span>&nbsp;act_1"
    assert "act_1" not in find(page, QLabel, "layers_legend").text()
    page.resize(900, 600)
    page.show()
    upper, lower = plot(page, "layer_updates").geometry(), plot(page, "layer_dead_units").geometry()
    assert upper.bottom() < legend.geometry().top() < legend.geometry().bottom() < lower.top()


def test_a_zoom_stays_until_another_run_is_chosen_or_a_double_click(page: LayersPage) -> None:
    observations = two_runs()
    shown(page, observations)
    gradients = plot(page, "layer_gradients")
    whole = gradients.getViewBox().viewRange()[1]
    for undo in ("choose", "double click"):
        gradients.getViewBox().setYRange(5, 6, padding=0)
        gradients.getViewBox().sigRangeChangedManually.emit([True, True])
        observations.take(noted(2, 20 if undo == "choose" else 30))
        gradients.refresh(observations)
        np.testing.assert_allclose(gradients.getViewBox().viewRange()[1], [5, 6])
        if undo == "choose":
            find(page, QComboBox, "layers_run").setCurrentText("Run 1")
        else:
            gradients.mouseDoubleClickEvent(double_click())
        np.testing.assert_allclose(gradients.getViewBox().viewRange()[1], whole)


def double_click() -> QMouseEvent:
    left, at = Qt.MouseButton.LeftButton, QPointF(5, 5)
    return QMouseEvent(QEvent.Type.MouseButtonDblClick, at, at, left, left, Qt.KeyboardModifier.NoModifier)


def test_plots_move_together(page: LayersPage) -> None:
    shown(page, two_runs())
    page.resize(900, 500)
    page.show()
    page.plots[0].setXRange(3, 12, padding=0)
    left, right = page.plots[3].getViewBox().viewRange()[0]
    assert (left, right) == pytest.approx((3, 12), abs=1.5), "as far as their axes are equally wide"


@pytest.mark.parametrize("base", ["#ffffff", "#16191e"])
def test_colours_rise_in_lightness_and_none_is_lost_on_the_background(base: str) -> None:
    palette = QPalette(QColor(base))
    palette.setColor(QPalette.ColorRole.Base, QColor(base))
    colours = depth_colours(7, palette)
    luma = [QColor(c).red() * 0.2126 + c.green() * 0.7152 + c.blue() * 0.0722 for c in colours]
    assert luma == sorted(luma)
    assert min(abs(value - QColor(base).lightness()) for value in luma) > 40


def test_of_many_records_as_many_points_are_drawn_as_there_are_columns(page: LayersPage) -> None:
    """A peak of a single record stays visible."""
    count = 20_000
    norms = [(50.0 if step == 7001 else 1.0, 1.0) for step in range(1, count + 1)]
    observations = observed(started(), *(noted(1, step, gradient_norms=each) for step, each in enumerate(norms, 1)))
    page.resize(900, 500)
    shown(page, observations)
    plot(page, "layer_gradients").setXRange(0, count)
    line = plot(page, "layer_gradients").line("dense_1")
    x, y = line.line.getData()
    assert len(x) < 4 * plot(page, "layer_gradients").width()
    assert y.max() == pytest.approx(math.log10(50))
    assert len(line.data[0]) == count


def test_the_axis_ends_where_early_stopping_ended_the_run(page: LayersPage) -> None:
    kept = KeptWeights(step=10, epoch=1, epochs=2, planned_epochs=10, stopped_early=True)
    shown(page, observed(started(1), noted(1, 10), noted(1, 20), finished(1, kept=kept), repeats=1))
    assert plot(page, "layer_gradients").getViewBox().viewRange()[0][1] == pytest.approx(20, rel=0.05)
