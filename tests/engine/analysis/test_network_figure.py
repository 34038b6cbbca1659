"""Pictures of networks as figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from engine.analysis.network_drawing import COLOUR_OF, Ink, Label, Polygon, Stroke, drawn
from engine.analysis.network_figure import MAX_INCHES, network_figure, network_figures
from engine.analysis.results import load_results
from engine.networks.architectures import summarize
from engine.networks.diagram import Block, Kind, lay_out
from engine.networks.diagram.blocks import WIDTH
from engine.storage.store import Store
from tests.engine.support import INFO, finished, planned, record, small_spec, started

SHAPE = (32, 32, 3)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_names_outputs_and_parameters_are_written() -> None:
    shown = texts(network_figure("cnn_3", summarize("cnn_3", SHAPE, 10)))
    assert shown[0] == "cnn_3: 11,394 parameters"
    assert {"Input", "32x32x3", "Conv-3x3x16", "448", "30x30x16", "MaxPool-2x2", "FC-10"} <= set(shown)
    assert shown.count("Act") == 2


def test_every_text_lies_within_the_picture() -> None:
    figure = network_figure("resnet_20", summarize("resnet_20", SHAPE, 10))
    figure.draw_without_rendering()
    whole = figure.bbox
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1, text.get_text()
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1, text.get_text()


@pytest.mark.parametrize("options", ["stride 3, no bias, L2 0.00012345", "same, stride 64, no bias, L2 1e-12"])
def test_long_options_stay_within_their_block(options: str) -> None:
    summaries = summarize(
        f"net[DepthwiseConv-3x3({options}), BatchNorm(momentum 0.999, epsilon 1e-05)]", (400, 400, 3), 10
    )
    figure = network_figure("net", summaries)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    for block in lay_out(summaries, (1.15, 1.0)).blocks:
        (right, lower), (left, upper) = axes.transData.transform(
            [(block.x + WIDTH, block.y + block.height), (block.x, block.y)]
        )
        inside = [text.get_window_extent() for text in axes.texts if text.get_text() in rows_of(block)]
        assert inside
        assert all(box.x1 <= right for box in inside if left <= box.x0 <= right and lower <= box.y0 <= upper)


def rows_of(block: Block) -> set[str]:
    return {text for row in block.rows for text in (row.title, *row.option_lines)}


@pytest.mark.parametrize(("name", "narrow"), [("mlp_1", True), ("cnn_5", True), ("resnet_20", False)])
def test_two_short_networks_stand_side_by_side_on_a_page_a_long_one_alone(name: str, narrow: bool) -> None:
    width, _ = network_figure(name, summarize(name, SHAPE, 10)).get_size_inches()
    assert width == pytest.approx(MAX_INCHES / 2 if narrow else MAX_INCHES)


def test_a_skip_connection_is_drawn_heavier_and_sums_have_a_plus() -> None:
    marks = list(drawn(lay_out(summarize("net[Skip[Conv-3x3x3(same)]]", SHAPE, 10), (1, 1))))
    strokes = [mark for mark in marks if isinstance(mark, Stroke)]
    (skip,) = (stroke for stroke in strokes if len(stroke.points) == 4)
    assert skip.width > min(stroke.width for stroke in strokes)
    assert sum(mark.paint.colour == Ink.TEXT and len(mark.points) == 2 for mark in strokes) == 2, "the plus"
    assert {mark.text for mark in marks if isinstance(mark, Label)} >= {"Residual block", "84 parameters"}


def test_every_kind_of_layer_has_a_colour_of_its_own() -> None:
    assert set(COLOUR_OF) == set(Kind)
    assert len(set(COLOUR_OF.values())) == len(Kind)


def test_the_faces_of_a_solid_touch() -> None:
    marks = drawn(lay_out(summarize("net[Conv-3x3x8]", SHAPE, 10), (1, 1)))
    solids = [mark.points for mark in marks if isinstance(mark, Polygon) and len(mark.points) == 4]
    front, top, side = solids[:3]
    assert front[0] == top[0]
    assert front[1] == top[3] == side[0]
    assert front[2] == side[3]


def stored_runs(store: Store, *architectures: str) -> int:
    number, runs = planned(store, small_spec(architectures=architectures))
    for run in runs:
        for event in (started(run.run), record(run.run), finished(run.run)):
            store.add(event)
    return number


def test_each_network_of_an_experiment_is_drawn_once_on_its_images(store: Store) -> None:
    own = "own[Conv-3x3x4, ReLU]"
    figures = list(network_figures(load_results(store, stored_runs(store, "mlp_1", own))))
    assert [name for name, _, _ in figures] == ["network_mlp_1", "network_own"]
    height, width, channels = INFO.shape
    assert f"{width}x{height}x{channels}" in texts(figures[0].figure)


def test_a_network_that_no_longer_fits_the_images_is_left_out(store: Store) -> None:
    result = load_results(store, stored_runs(store, "mlp_1", "own[Conv-3x3x4, ReLU]"))
    tiny = replace(result, dataset=replace(result.dataset, shape=(2, 2, 1)))
    assert [name for name, _, _ in network_figures(tiny)] == ["network_mlp_1"]
