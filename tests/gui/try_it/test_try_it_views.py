"""Parts of the Try it tab: canvas, tools, bars, feature maps, test images, and the order of requests."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QCheckBox, QPushButton, QSlider, QToolButton
from pytestqt.qtbot import QtBot

from engine.config.specs import DataSpec
from engine.events.inference import LayerOutput, PickedTestImages
from engine.executors.tasks import InferenceTask, PickTestImagesTask, ReadImageTask
from engine.utils.arrays import Array
from gui.background.latest_request import LatestRequest
from gui.try_it.canvas import MAX_UNDO, SIDE, DrawingCanvas
from gui.try_it.feature_maps import FeatureMaps, GreyScale, LayerMaps
from gui.try_it.image_strip import IMAGES, ImageStrip
from gui.try_it.probability_bars import MAX_ROWS, ROW, ProbabilityBars
from gui.try_it.tools import PaintingTools
from tests.gui.support import find

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@pytest.fixture
def canvas(qtbot: QtBot) -> DrawingCanvas:
    """Return a canvas of the drawing's size, so that widget and drawing coordinates agree."""
    made = DrawingCanvas()
    qtbot.addWidget(made)
    made.resize(SIDE, SIDE)
    made.show()
    return made


def draw(qtbot: QtBot, canvas: DrawingCanvas, *points: tuple[int, int], button: Qt.MouseButton = LEFT) -> None:
    """Press at the first point, move to the others, release at the last."""
    qtbot.mousePress(canvas, button, pos=QPoint(*points[0]))
    for point in points[1:]:
        qtbot.mouseMove(canvas, QPoint(*point))
    qtbot.mouseRelease(canvas, button, pos=QPoint(*points[-1]))


def image_of(canvas: DrawingCanvas) -> Array:
    image = canvas.image()
    assert image is not None
    return image


def test_a_blank_canvas_is_no_image(canvas: DrawingCanvas) -> None:
    assert canvas.image() is None
    assert not canvas.can_undo


def test_a_stroke_is_white_soft_and_without_gaps(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    canvas.set_brush(20)
    with qtbot.waitSignals([canvas.changed, canvas.changed]):
        draw(qtbot, canvas, (40, 140), (240, 140))
    image = image_of(canvas)
    assert (image.shape, image.dtype) == ((SIDE, SIDE, 3), np.uint8)
    assert (image[140, 40:241] == 255).all()
    assert (image[:125] == 0).all()
    profile = image[128:141, 140, 0].astype(int)
    assert (np.diff(profile) >= 0).all()
    assert np.unique(profile).size > 3, "the edge fades"
    assert np.ptp(image[132, 60:220, 0].astype(int)) < 16, "as broad everywhere"


def test_a_single_click_leaves_a_dot_of_the_brushes_size(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    areas = []
    for size in (10, 40):
        canvas.clear()
        canvas.set_brush(size)
        draw(qtbot, canvas, (140, 140))
        areas.append(int((image_of(canvas)[..., 0] > 0).sum()))
    assert areas[1] == pytest.approx(16 * areas[0], rel=0.15)


def test_the_right_button_erases(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    draw(qtbot, canvas, (40, 140), (240, 140))
    draw(qtbot, canvas, (140, 140), button=RIGHT)
    image = image_of(canvas)
    assert (image[140, 140] == 0).all()
    assert (image[140, 60] == 255).all()


def test_erasing_swaps_the_buttons(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    canvas.set_erasing(True)
    draw(qtbot, canvas, (140, 140))
    assert canvas.image() is None, "there was nothing to erase"
    draw(qtbot, canvas, (140, 140), button=RIGHT)
    assert (image_of(canvas)[140, 140] == 255).all()
    draw(qtbot, canvas, (140, 140))
    assert not image_of(canvas)[140, 140].any()


def test_a_stroke_ends_with_the_button(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    draw(qtbot, canvas, (40, 40))
    before = image_of(canvas)
    qtbot.mouseMove(canvas, QPoint(200, 200))
    assert np.array_equal(image_of(canvas), before)


def test_a_larger_canvas_draws_where_the_pointer_is(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    canvas.resize(SIDE + 100, 2 * SIDE)
    square = SIDE + 100
    draw(qtbot, canvas, (square // 4, (2 * SIDE - square) // 2 + square // 2))
    rows, columns = np.nonzero(image_of(canvas)[..., 0] == 255)
    assert (rows.mean(), columns.mean()) == (pytest.approx(SIDE / 2, abs=1), pytest.approx(SIDE / 4, abs=1))


def test_an_image_is_given_back_as_it_came_until_it_is_drawn_on(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    canvas.show_image(gray)
    assert canvas.image() is canvas.source is gray
    draw(qtbot, canvas, (140, 140))
    assert canvas.source is None
    drawn = image_of(canvas)
    assert (drawn[140, 140] == 255).all()
    assert np.array_equal(drawn[17::35, 17::35][0, :, 0], gray[0, :, 0]), "what is beside the stroke stays"
    canvas.undo()
    assert canvas.image() is gray


def test_colours_and_other_proportions_stay_as_they_are(canvas: DrawingCanvas) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 500, 3), np.uint8)
    canvas.show_image(photo)
    assert np.array_equal(image_of(canvas), photo)


def test_inverting_swaps_light_and_dark_in_the_image_and_in_sight(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    canvas.show_image(np.full((4, 4, 1), 250, np.uint8))
    with qtbot.waitSignal(canvas.changed):
        canvas.set_inverted(True)
    assert (image_of(canvas) == 5).all()
    assert canvas.grab().toImage().pixelColor(100, 100).red() == 5
    canvas.set_inverted(False)
    assert (image_of(canvas) == 250).all()


def test_strokes_images_and_clearing_are_undone_in_turn(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    gray = np.full((4, 4, 1), 9, np.uint8)
    draw(qtbot, canvas, (40, 40), (60, 60))
    stroke = image_of(canvas)
    canvas.show_image(gray)
    canvas.clear()
    canvas.clear()
    assert canvas.image() is None
    canvas.undo()
    assert canvas.image() is gray
    canvas.undo()
    assert np.array_equal(image_of(canvas), stroke)
    canvas.undo()
    assert canvas.image() is None
    assert not canvas.can_undo
    canvas.undo()


def test_undo_ends_the_current_stroke(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    qtbot.mousePress(canvas, LEFT, pos=QPoint(40, 40))
    canvas.undo()
    qtbot.mouseMove(canvas, QPoint(200, 200))
    assert canvas.image() is None
    qtbot.mouseRelease(canvas, LEFT, pos=QPoint(200, 200))
    draw(qtbot, canvas, (140, 140))
    assert not image_of(canvas)[40, 40].any()


def test_the_undo_history_is_limited(canvas: DrawingCanvas) -> None:
    for number in range(2 * MAX_UNDO):
        canvas.show_image(np.full((4, 4, 1), number, np.uint8))
    undone = 0
    while canvas.can_undo:
        canvas.undo()
        undone += 1
    assert undone == MAX_UNDO
    assert image_of(canvas)[0, 0, 0] == MAX_UNDO - 1


def test_tools(qtbot: QtBot, canvas: DrawingCanvas) -> None:
    tools = PaintingTools(canvas)
    qtbot.addWidget(tools)
    undo, clear, erase = (find(tools, QPushButton, name) for name in ("undo_drawing", "clear_drawing", "erase"))
    assert not undo.isEnabled()
    assert not clear.isEnabled()
    find(tools, QSlider, "brush_size").setValue(30)
    assert canvas.brush == 30
    draw(qtbot, canvas, (140, 140))
    assert image_of(canvas)[140, 140, 0] == 255
    qtbot.mouseClick(clear, LEFT)
    assert canvas.image() is None
    assert not clear.isEnabled()
    qtbot.mouseClick(undo, LEFT)
    find(tools, QCheckBox, "invert").setChecked(True)
    assert image_of(canvas)[140, 140, 0] == 0
    tools.stop_inverting()
    qtbot.mouseClick(erase, LEFT)
    draw(qtbot, canvas, (140, 140))
    assert image_of(canvas)[140, 140, 0] == 0
    with qtbot.waitSignal(tools.open_requested):
        qtbot.mouseClick(find(tools, QPushButton, "open_image"), LEFT)


@pytest.fixture
def bars(qtbot: QtBot) -> ProbabilityBars:
    made = ProbabilityBars()
    qtbot.addWidget(made)
    return made


def test_bars_of_all_classes_in_their_order(bars: ProbabilityBars) -> None:
    bars.show_probabilities(np.array([0.2, 0.7, 0.1]), ("cat", "dog", "<b>elk</b>"), true_class=0)
    assert [(bar.name, bar.probability) for bar in bars.bars] == [("cat", 0.2), ("dog", 0.7), ("<b>elk</b>", 0.1)]
    assert [bar.is_top for bar in bars.bars] == [False, True, False]
    assert [bar.is_true for bar in bars.bars] == [True, False, False]
    assert bars.sizeHint().height() == 3 * ROW


def test_of_many_classes_the_likeliest(bars: ProbabilityBars) -> None:
    probabilities = np.arange(30) / np.arange(30).sum()
    bars.show_probabilities(probabilities, tuple(f"class {number}" for number in range(30)), true_class=3)
    assert [bar.name for bar in bars.bars] == [f"class {number}" for number in range(29, 29 - MAX_ROWS, -1)]
    assert not any(bar.is_true for bar in bars.bars)


def test_a_bar_has_its_full_name_as_tool_tip(bars: ProbabilityBars) -> None:
    bars.show_probabilities(np.array([0.2, 0.8]), ("cat", "a dog with a long name"), true_class=1)
    assert bars.tip(QPoint(3, ROW + 1)) == "a dog with a long name: 80 %, the true class"
    assert bars.tip(QPoint(3, 0)) == "cat: 20 %"
    assert bars.tip(QPoint(3, 2 * ROW)) == ""


def test_bars_are_as_long_as_the_probabilities(bars: ProbabilityBars) -> None:
    bars.show_probabilities(np.array([0.75, 0.25]), ("a", "b"), None)
    bars.resize(600, 2 * ROW)
    painted = bars.grab().toImage()
    filled = []
    for row, brush in enumerate((bars.palette().highlight(), bars.palette().mid())):
        line = [painted.pixelColor(x, row * ROW + ROW // 2).rgb() == brush.color().rgb() for x in range(600)]
        filled.append(sum(line))
    assert filled[0] == pytest.approx(3 * filled[1], abs=4)
    assert filled[0] > 200


def maps(values: Array, shape: tuple[int, ...] | None = None, name: str = "conv_1") -> LayerOutput:
    return LayerOutput(name, shape or values.shape, values.astype(np.float32))


def test_channels_share_one_scale(qtbot: QtBot) -> None:
    values = np.zeros((4, 5, 3))
    values[..., 1], values[..., 2] = 2.0, 4.0
    layer = LayerMaps(maps(values))
    qtbot.addWidget(layer)
    assert layer.maps.shape == (3, 4, 5)
    assert [np.unique(channel).tolist() for channel in layer.maps] == [[0], [128], [255]]
    layer.show_output(maps(values - 2))
    assert [np.unique(channel).tolist() for channel in layer.maps] == [[0], [128], [255]]
    assert layer.scale == GreyScale(-2.0, 2.0)


def test_a_layer_of_nothing_but_zeros_is_black() -> None:
    zeros = np.zeros((2, 2, 1))
    assert not GreyScale.of(zeros).to_bytes(zeros).any()


def test_titles_say_what_is_shown_and_left_out(qtbot: QtBot) -> None:
    whole, part = LayerMaps(maps(np.ones((3, 4, 2)))), LayerMaps(maps(np.ones((3, 4, 2)), (30, 40, 70)))
    strip = LayerMaps(maps(np.ones(5), (600,), "dense_1"))
    for widget in (whole, part, strip):
        qtbot.addWidget(widget)
    assert whole.title == "conv_1  3×4×2"
    assert part.title == "conv_1  30×40×70, the first 2 channels"
    assert strip.title == "dense_1  600, the first 5 units"


@pytest.mark.parametrize("width", [300, 880, 1600])
@pytest.mark.parametrize("shape", [(30, 30, 16), (4, 4, 64), (32, 32, 1), (10,), (512,)])
def test_no_cell_is_cut_off_and_none_covers_another(qtbot: QtBot, width: int, shape: tuple[int, ...]) -> None:
    layer = LayerMaps(maps(np.ones(shape)))
    qtbot.addWidget(layer)
    layer.resize(width, layer.heightForWidth(width))
    cells = [layer.cell(channel) for channel in range(shape[-1])]
    assert all(layer.rect().contains(cell) for cell in cells)
    covered = np.zeros((layer.height(), width), int)
    for cell in cells:
        covered[cell.top() : cell.bottom() + 1, cell.left() : cell.right() + 1] += 1
    assert covered.max() == 1


def test_a_cell_has_its_channel_as_tool_tip(qtbot: QtBot) -> None:
    values = np.stack([np.full((2, 2), 1.0), [[-1, 0], [2, 3.5]]], axis=2)
    layer, strip = LayerMaps(maps(values)), LayerMaps(maps(np.array([0.5, 0.25]), name="prediction"))
    for widget in (layer, strip):
        qtbot.addWidget(widget)
        widget.resize(800, 100)
    assert layer.tip(layer.cell(1).center()) == "conv_1, channel 2: -1 to 3.5"
    assert strip.tip(strip.cell(1).center()) == "prediction, unit 2: 0.25"
    assert layer.tip(QPoint(700, 5)) == ""


def test_layers_are_painted_and_their_widgets_kept(qtbot: QtBot) -> None:
    area = FeatureMaps()
    qtbot.addWidget(area)
    area.resize(800, 400)
    area.show()
    area.show_layers((maps(np.ones((8, 8, 4))), maps(np.arange(3), name="prediction")))
    qtbot.waitUntil(lambda: area.layers[0].height() > 40)
    layer = area.layers[0]
    assert layer.visibleRegion().boundingRect().contains(layer.cell(3))
    assert layer.grab().toImage().pixelColor(layer.cell(2).center()).red() == 255
    widgets = list(area.layers)
    area.show_layers((maps(np.zeros((8, 8, 4))), maps(np.arange(3), name="prediction")))
    assert area.layers == widgets
    assert layer.grab().toImage().pixelColor(layer.cell(2).center()).red() == 0
    area.show_layers((maps(np.ones((6, 6, 4))), maps(np.arange(3), name="prediction")))
    assert area.layers[0].title == "conv_1  6×6×4"


def test_layers_of_another_network_lie_under_one_another(qtbot: QtBot) -> None:
    area = FeatureMaps()
    qtbot.addWidget(area)
    area.resize(600, 300)
    area.show()
    for count in (1, 40):
        area.show_layers((maps(np.ones((8, 8, count))), maps(np.ones((4, 4, count))), maps(np.ones(10))))
        qtbot.waitUntil(lambda: all(layer.height() >= layer.heightForWidth(layer.width()) for layer in area.layers))
        places = [layer.geometry() for layer in area.layers]
        assert all(above.bottom() < below.top() for above, below in pairwise(places))


def picked(count: int) -> PickedTestImages:
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), np.uint8)
    return PickedTestImages(DataSpec(), ("cat", "dog"), images, tuple(number % 2 for number in range(count)))


def test_a_test_image_is_chosen_at_a_click(qtbot: QtBot) -> None:
    strip, found = ImageStrip(), picked(IMAGES)
    qtbot.addWidget(strip)
    strip.show()
    strip.show_images(found)
    button = find(strip, QToolButton, "test_image_2")
    assert button.toolTip() == "dog"
    with qtbot.waitSignal(strip.chosen) as chosen:
        qtbot.mouseClick(button, LEFT)
    image, label = chosen.args
    assert np.array_equal(image, found.images[1])
    assert label == 1
    with qtbot.waitSignal(strip.more_requested):
        qtbot.mouseClick(find(strip, QPushButton, "more_test_images"), LEFT)


def test_where_there_are_few_the_rest_is_empty(qtbot: QtBot) -> None:
    strip = ImageStrip()
    qtbot.addWidget(strip)
    strip.show_images(picked(IMAGES))
    strip.show_images(picked(3))
    enabled = [find(strip, QToolButton, f"test_image_{number}").isEnabled() for number in range(1, IMAGES + 1)]
    assert enabled == [True] * 3 + [False] * (IMAGES - 3)
    assert find(strip, QToolButton, "test_image_4").icon().isNull()
    strip.clear()
    assert strip.picked is None
    assert not find(strip, QPushButton, "more_test_images").isEnabled()


def pick(seed: int) -> PickTestImagesTask:
    return PickTestImagesTask(DataSpec(), 1, seed)


def read(name: str) -> ReadImageTask:
    return ReadImageTask(Path(name))


def test_one_of_a_kind_is_under_way_and_the_newest_comes_next() -> None:
    sent: list[InferenceTask] = []
    requests = LatestRequest(sent.append)
    for seed in range(4):
        requests.ask(pick(seed))
    requests.ask(read("a"))
    assert sent == [pick(0), read("a")]
    assert requests.answered() == pick(0)
    assert sent == [pick(0), read("a"), pick(3)]
    assert [requests.answered(), requests.answered(), requests.answered()] == [read("a"), pick(3), None]


def test_pending_requests_can_be_dropped() -> None:
    sent: list[InferenceTask] = []
    requests = LatestRequest(sent.append)
    requests.ask(pick(0))
    requests.ask(pick(1))
    requests.forget(PickTestImagesTask)
    requests.forget(ReadImageTask)
    assert requests.answered() == pick(0)
    assert sent == [pick(0)]
