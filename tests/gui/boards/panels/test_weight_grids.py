"""Grids of a layer's weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel
from pytestqt.qtbot import QtBot

from engine.events.runs import RunStarted, Weights
from engine.networks.weight_images import GAP
from gui.boards.panels import weight_grids
from gui.boards.panels.weight_grids import WeightGrid, WeightGrids
from gui.observations.experiment import Observations
from tests.engine.support import finished, started, weights
from tests.gui.support import find, observed


@pytest.fixture
def grids(qtbot: QtBot) -> WeightGrids:
    made = WeightGrids()
    qtbot.addWidget(made)
    return made


def two_networks() -> Observations:
    """Return mlp_1 with two layers and cnn_4 with five, all weights known."""
    observations = observed(architectures=["mlp_1", "cnn_4"])
    for event in (started(1), weights(1), weights(1, layer="prediction")):
        observations.take(event)
    layers = {
        "conv_1": ((32, 32, 1), (16, 1, 3, 3)),
        "conv_2": ((30, 30, 16), (8, 16, 3, 3)),
        "conv_3": ((28, 28, 8), (16, 8, 5, 5)),
        "conv_4": ((12, 12, 16), (16, 16, 5, 5)),
        "prediction": ((4, 4, 16), (10, 256)),
    }
    observations.take(RunStarted(2, started().device, {}, tuple(layers), 26))
    for layer, (input_shape, shape) in layers.items():
        values = np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
        observations.take(Weights(2, 0, 0, layer, input_shape, values))
    return observations


def chooser(grids: WeightGrids) -> QComboBox:
    return find(grids, QComboBox, "weights_layer")


def shown(grids: WeightGrids, observations: Observations) -> None:
    grids.begin(observations)
    grids.refresh(observations)


def words(grids: WeightGrids, variant: str) -> list[str]:
    """Return title and caption of a grid."""
    grid = find(grids, WeightGrid, f"weights_{variant}")
    return [find(grid, QLabel, "weights_title").text(), find(grid, QLabel, "caption").text()]


def size(grids: WeightGrids, variant: str) -> tuple[int, int]:
    image = find(grids, WeightGrid, f"weights_{variant}").image
    return image.width(), image.height()


def test_as_many_layers_are_offered_as_the_deepest_network_has(grids: WeightGrids) -> None:
    shown(grids, two_networks())
    box = chooser(grids)
    texts = [box.itemText(position) for position in range(box.count())]
    assert texts == ["First layer", "Layer 2", "Layer 3", "Layer 4", "Last layer"]
    assert box.currentText() == "First layer"
    title, caption = words(grids, "mlp_1")
    assert title == "<b>mlp_1</b> dense_1"
    assert caption.startswith("run 1, step 0, ±")
    assert words(grids, "cnn_4") == ["<b>cnn_4</b> conv_1", "run 1, step 0, ±1"]


def test_the_chosen_layer_is_shown_of_every_network(grids: WeightGrids) -> None:
    shown(grids, two_networks())
    chooser(grids).setCurrentText("Layer 2")
    assert words(grids, "mlp_1")[0] == "<b>mlp_1</b> prediction"
    assert words(grids, "cnn_4")[0] == "<b>cnn_4</b> conv_2"
    side = 24  # a kernel of 3x3 is enlarged eight times
    assert size(grids, "cnn_4") == (16 * (side + GAP) + GAP, 8 * (side + GAP) + GAP), "a row an output channel"


def test_the_last_layer_is_each_networks_own(grids: WeightGrids) -> None:
    shown(grids, two_networks())
    chooser(grids).setCurrentText("Last layer")
    assert words(grids, "mlp_1")[0] == "<b>mlp_1</b> prediction"
    assert words(grids, "cnn_4")[0] == "<b>cnn_4</b> prediction"
    side = 24  # 4x4 positions of a channel, enlarged six times
    assert size(grids, "cnn_4") == (16 * (side + GAP) + GAP, 10 * (side + GAP) + GAP), "a row a class"


def test_a_network_without_that_layer_says_how_many_it_has(grids: WeightGrids) -> None:
    shown(grids, two_networks())
    chooser(grids).setCurrentText("Layer 3")
    assert words(grids, "mlp_1") == ["<b>mlp_1</b>", "has 2 layers"]
    assert find(grids, WeightGrid, "weights_mlp_1").image.isNull()
    chooser(grids).setCurrentText("First layer")
    assert words(grids, "mlp_1")[0] == "<b>mlp_1</b> dense_1"


def test_the_choice_stays_while_weights_change_and_when_a_plan_of_other_networks_follows(grids: WeightGrids) -> None:
    observations = two_networks()
    shown(grids, observations)
    chooser(grids).setCurrentText("Last layer")
    observations.take(weights(1, step=26, epoch=1, layer="prediction"))
    grids.refresh(observations)
    assert words(grids, "mlp_1")[0] == "<b>mlp_1</b> prediction"
    assert words(grids, "mlp_1")[1].startswith("run 1, step 26, ")
    shown(grids, observed(started(1), weights(1), weights(1, layer="prediction")))
    assert chooser(grids).currentText() == "Last layer"
    assert chooser(grids).count() == 2
    assert words(grids, "mlp_1")[0] == "<b>mlp_1</b> prediction"


def test_of_several_runs_the_best_is_shown_in_the_end(grids: WeightGrids) -> None:
    observations = observed(started(1), weights(1), started(2), weights(2), repeats=2)
    shown(grids, observations)
    assert words(grids, "mlp_1")[1].startswith("run 1, step 0, ")
    observations.take(finished(1, test_accuracy=0.5))
    observations.take(finished(2, test_accuracy=0.75))
    grids.refresh(observations)
    assert words(grids, "mlp_1")[1].startswith("best run 2, ")


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_reported_and_the_others_shown(grids: WeightGrids, lost: float) -> None:
    broken = weights(1)
    broken.values[0, 0] = lost
    shown(grids, observed(started(1), broken))
    assert words(grids, "mlp_1")[1] == "run 1, step 0, not all finite"
    assert not grids.grab().isNull()


@pytest.mark.parametrize(("width", "height"), [(900, 150), (1540, 240), (300, 90)])
def test_any_layer_can_be_painted_at_any_size(grids: WeightGrids, width: int, height: int) -> None:
    shown(grids, two_networks())
    grids.resize(width, height)
    for position in range(chooser(grids).count()):
        chooser(grids).setCurrentIndex(position)
        assert not grids.grab().isNull()


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


def test_the_gaps_follow_the_colour_scheme(grids: WeightGrids, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    observations = two_networks()
    shown(grids, observations)
    # A changed palette alone would do, but a style sheet of an earlier test may hold the window's colour.
    grey = find(grids, WeightGrid, "weights_mlp_1").image.pixelColor(0, 0).lightness()
    monkeypatch.setattr(weight_grids, "_gap_grey", lambda _palette: 255 - grey)
    QApplication.sendEvent(grids, QEvent(QEvent.Type.PaletteChange))
    qtbot.waitUntil(lambda: grids.is_complete)
    corner = find(grids, WeightGrid, "weights_mlp_1").image.pixelColor(0, 0).lightness()
    assert corner == pytest.approx(255 - grey, abs=1)
