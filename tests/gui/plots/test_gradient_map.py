"""The heat map of every layer's gradient."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from engine.events.runs import RunStarted, Status
from engine.experiments.activations import ACTIVATIONS_EXPERIMENT
from gui.observations.experiment import Observations
from gui.plots.gradient_map import MIN_NORM, GradientMap
from gui.plots.plot import Plot
from tests.engine.support import finished, record, started
from tests.gui.support import begun, find, items


@pytest.fixture
def view(qtbot: QtBot) -> GradientMap:
    made = GradientMap()
    qtbot.addWidget(made)
    return made


def two_networks() -> Observations:
    """Runs 1 and 2: mlp_1 with ReLU and sigmoid; 3 and 4: mlp_2."""
    return begun(ACTIVATIONS_EXPERIMENT, architectures=["mlp_1", "mlp_2"])


def start(observations: Observations, run: int, *layers: str) -> None:
    observations.take(RunStarted(run, started().device, {}, layers, 26))


def note(observations: Observations, run: int, step: int, *norms: float) -> None:
    changes: dict[str, Any] = {"gradient_norms": norms, "update_ratios": norms}
    observations.take(record(run, step, **changes))


def plot_of(view: GradientMap) -> Plot:
    return find(view, Plot, "gradient_map_plot")


def image_of(view: GradientMap) -> pg.ImageItem:
    (image,) = items(plot_of(view), pg.ImageItem)
    return image


def shown(view: GradientMap) -> np.ndarray:
    """Return the displayed logarithms of gradient norms, one row per layer, first layer on top."""
    pixels = image_of(view).image
    assert pixels is not None
    return pixels


def row_names(view: GradientMap) -> list[str]:
    (ticks,) = plot_of(view).getPlotItem().getAxis("left")._tickLevels  # noqa: SLF001 - pyqtgraph tells them nowhere else
    return [name for _, name in sorted(ticks)]


def test_it_offers_each_architecture_and_begins_with_the_deepest(view: GradientMap) -> None:
    view.begin(two_networks())
    box = find(view, QComboBox, "gradient_map_architecture")
    assert [box.itemText(position) for position in range(box.count())] == ["mlp_1", "mlp_2"]
    assert box.currentText() == "mlp_2"


def test_of_a_plan_with_records_the_deepest_that_has_some_is_chosen(view: GradientMap) -> None:
    observations = two_networks()
    start(observations, 1, "dense_1", "prediction")
    note(observations, 1, 10, 1.0, 10.0)
    view.begin(observations)
    assert find(view, QComboBox, "gradient_map_architecture").currentText() == "mlp_1"


def test_if_the_deepest_is_cancelled_before_its_start_the_map_shows_another(view: GradientMap) -> None:
    observations = two_networks()
    view.begin(observations)
    start(observations, 1, "dense_1", "prediction")
    note(observations, 1, 10, 1.0, 10.0)
    for run in observations.runs:
        observations.take(finished(run, Status.CANCELLED, test_accuracy=None, confusion=None))
    view.refresh(observations)
    box = find(view, QComboBox, "gradient_map_architecture")
    assert box.currentText() == "mlp_1"
    np.testing.assert_allclose(shown(view), [[0], [1]], atol=1e-9)
    box.setCurrentText("mlp_2")
    view.refresh(observations)
    assert box.currentText() == "mlp_2", "what is chosen by hand stays"


def test_rows_are_layers_from_the_first_and_variants_lie_under_one_another(view: GradientMap) -> None:
    observations = two_networks()
    start(observations, 3, "dense_1", "dense_2", "prediction")
    start(observations, 4, "dense_1", "dense_2", "prediction")
    for step, factor in ((10, 1.0), (20, 10.0)):
        note(observations, 3, step, 1.0 * factor, 0.1 * factor, 0.01 * factor)
    note(observations, 4, 10, 1e-3, 1e-2, 1e-1)
    view.begin(observations)
    view.refresh(observations)
    gap, none = [math.nan, math.nan], math.nan
    expected = [[0, 1], [-1, 0], [-2, -1], gap, [-3, none], [-2, none], [-1, none]]
    np.testing.assert_allclose(shown(view), expected, atol=1e-9)
    assert row_names(view) == [
        *("relu dense_1", "relu dense_2", "relu prediction"),
        *("sigmoid dense_1", "sigmoid dense_2", "sigmoid prediction"),
    ]
    assert plot_of(view).getViewBox().yInverted(), "the first layer is on top"
    (left, right), (top, bottom) = plot_of(view).getViewBox().viewRange()
    assert (left, right, top, bottom) == pytest.approx((0, 20, 0, 7))


def test_values_are_means_over_the_runs(view: GradientMap) -> None:
    observations = begun(ACTIVATIONS_EXPERIMENT, architectures=["mlp_1"], activations=["relu"], repeats=2)
    for run, norm in ((1, 0.5), (2, 1.5)):
        start(observations, run, "dense_1", "prediction")
        note(observations, run, 10, norm, norm / 10)
    view.begin(observations)
    view.refresh(observations)
    np.testing.assert_allclose(shown(view), [[0], [-1]], atol=1e-9)


def test_all_rows_share_one_scale_of_whole_decades(view: GradientMap) -> None:
    observations = two_networks()
    start(observations, 3, "dense_1", "prediction")
    note(observations, 3, 10, 0.02, 3.0)
    view.begin(observations)
    view.refresh(observations)
    assert tuple(image_of(view).getLevels()) == (-2, 1)


def test_another_architecture_can_be_chosen(view: GradientMap) -> None:
    observations = two_networks()
    view.begin(observations)
    start(observations, 1, "dense_1", "prediction")
    note(observations, 1, 10, 1.0, 10.0)
    view.refresh(observations)
    assert image_of(view).image is None, "nothing is known yet of mlp_2"
    find(view, QComboBox, "gradient_map_architecture").setCurrentText("mlp_1")
    np.testing.assert_allclose(shown(view), [[0], [1]], atol=1e-9)


def test_a_gradient_of_zero_is_the_faintest_and_one_that_is_not_finite_is_left_out(view: GradientMap) -> None:
    observations = two_networks()
    start(observations, 3, "dense_1", "prediction")
    note(observations, 3, 10, 0.0, math.nan)
    note(observations, 3, 20, 1.0, 1.0)
    view.begin(observations)
    view.refresh(observations)
    np.testing.assert_allclose(shown(view), [[math.log10(MIN_NORM), 0], [math.nan, 0]], atol=1e-9)
    view.resize(600, 300)
    assert not view.grab().isNull()


def test_a_run_that_diverges_at_its_first_record_has_nothing_to_show(view: GradientMap) -> None:
    observations = two_networks()
    start(observations, 3, "dense_1", "prediction")
    note(observations, 3, 10, math.nan, math.nan)
    view.begin(observations)
    view.refresh(observations)


def test_a_new_plan_clears_the_old_map(view: GradientMap) -> None:
    observations = two_networks()
    start(observations, 3, "dense_1", "prediction")
    note(observations, 3, 10, 1.0, 1.0)
    view.begin(observations)
    view.refresh(observations)
    view.begin(two_networks())
    assert image_of(view).image is None


def test_an_unchanged_map_is_not_redrawn(view: GradientMap, monkeypatch: pytest.MonkeyPatch) -> None:
    observations = two_networks()
    start(observations, 3, "dense_1", "prediction")
    note(observations, 3, 10, 1.0, 1.0)
    view.begin(observations)
    view.refresh(observations)
    monkeypatch.setattr(image_of(view), "setImage", lambda *_image, **_how: pytest.fail("redrawn without a change"))
    view.refresh(observations)


def test_of_very_many_records_only_some_are_drawn(view: GradientMap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gui.plots.gradient_map.MAX_COLUMNS", 4)
    observations = begun(ACTIVATIONS_EXPERIMENT, architectures=["mlp_1"], activations=["relu"])
    start(observations, 1, "dense_1", "prediction")
    for step in range(1, 11):
        note(observations, 1, 10 * step, 10.0**-step, 1.0)
    view.begin(observations)
    view.refresh(observations)
    np.testing.assert_allclose(image_of(view).image, [[-1, -4, -7, -9], [0, 0, 0, 0]])


def test_of_many_layers_as_many_are_named_as_there_is_room_for(view: GradientMap) -> None:
    observations = two_networks()
    layers = [*(f"conv_{number}" for number in range(1, 23)), "prediction"]
    for run in (1, 2):
        start(observations, run, *layers)
        note(observations, run, 10, *([1.0] * len(layers)))
    view.begin(observations)
    view.resize(400, 1200)
    view.show()
    view.refresh(observations)
    assert len(row_names(view)) == 2 * len(layers)
    view.resize(400, 200)
    few = row_names(view)
    assert len(few) < 20
    assert {"relu conv_1", "sigmoid conv_1", "sigmoid prediction"} <= set(few)
    box = plot_of(view).getPlotItem().getViewBox()
    (ticks,) = plot_of(view).getPlotItem().getAxis("left")._tickLevels  # noqa: SLF001 - pyqtgraph tells them nowhere else
    rows = sorted(row for row, _ in ticks)
    spacing = min(after - before for before, after in pairwise(rows))
    assert spacing * box.height() / len(shown(view)) >= 8
