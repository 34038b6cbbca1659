"""The convolution board: methods, outputs and the sliding kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QStackedWidget,
    QTableWidget,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.events.devices import Device
from engine.events.experiments import ComputationStarted, Computed, ComputedPart, ExperimentFinished
from engine.events.runs import Status
from engine.experiments.convolution import CONVOLUTION_EXPERIMENT
from engine.experiments.convolution.numpy_convolution import conv2d_loops
from engine.utils.arrays import Array
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.boards.convolution.board import ConvolutionBoard, convolution_board
from gui.boards.convolution.method_table import MethodTimes
from gui.boards.convolution.numbers import NumberGrid, as_number
from gui.boards.convolution.output_grid import OutputGrid
from gui.boards.convolution.pixels import MARK, PixelImage, grey_image
from gui.boards.convolution.sliding_kernel import SlidingKernel
from gui.experiment.experiment_tab import ExperimentTab
from gui.observations.experiment import Observations
from gui.utils.theme import Scheme, apply_scheme
from tests.gui.support import find

SHAPES = {
    "input_shape": [3, 1, 6, 7],
    "kernel_shape": [2, 1, 3, 2],
    "output_shape": [3, 2, 4, 6],
    "input_dtype": "uint8",
    "kernel_dtype": "float64",
    "multiplications": 864,
}


def method(name: str, seconds: float = 0.002, **changes: Any) -> ComputedPart:
    values = {
        "seconds": seconds,
        "calls": 3,
        "speedup": 0.1 / seconds,
        "largest_difference": 2.5e-14,
        "dtype": "float64",
    }
    return ComputedPart("method", {"method": name, **values, **changes})


def computed(channels: int = 1, images: int = 3, kernels: int = 2, image: tuple[int, int] = (6, 7)) -> Computed:
    generator = np.random.default_rng(0)
    input = generator.integers(0, 256, (images, channels, *image), dtype=np.uint8)
    kernel = generator.normal(size=(kernels, channels, 3, 2))
    arrays = {"loops": conv2d_loops(input, kernel), "input": input, "kernel": kernel}
    names = [f"kernel {number}" for number in range(1, kernels + 1)]
    return Computed({**SHAPES, "kernel_names": names}, arrays, Device("CPU", "a processor", 1), {})


def observed(*events: Any) -> Observations:
    observations = Observations()
    for event in (ComputationStarted(1, "convolution"), ComputedPart("shapes", SHAPES), *events):
        observations.take(event)
    return observations


def drawn(board: ConvolutionBoard, *events: Any) -> Observations:
    """Draw a new plan with ``events`` after it."""
    observations = observed(*events)
    for view in board.views():
        view.begin(observations)
        view.refresh(observations)
    return observations


@pytest.fixture
def board(qtbot: QtBot) -> ConvolutionBoard:
    board = convolution_board()
    assert isinstance(board, ConvolutionBoard)
    qtbot.addWidget(board)
    board.resize(900, 700)
    board.show()
    qtbot.waitExposed(board)
    return board


@pytest.fixture
def application(qapp: QApplication) -> Iterator[QApplication]:
    """Return the application; style changes of a test are undone afterwards."""
    palette, sheet = qapp.palette(), qapp.styleSheet()
    yield qapp
    qapp.styleHints().unsetColorScheme()
    qapp.setPalette(palette)
    qapp.setStyleSheet(sheet)


def rows_of(board: ConvolutionBoard) -> list[list[str]]:
    table = find(board, QTableWidget, "methods")
    model = table.model()
    return [[model.index(row, column).data() for column in range(5)] for row in range(model.rowCount())]


def pages_of(board: ConvolutionBoard) -> list[int]:
    return [pages.currentIndex() for pages in board.findChildren(QStackedWidget)]


def click(qtbot: QtBot, picture: PixelImage, row: int, column: int) -> None:
    """Click the centre of a pixel."""
    place = picture.area(row, column, 1, 1).center().toPoint()
    qtbot.mouseClick(picture, Qt.MouseButton.LeftButton, pos=place)


def test_before_a_run_there_are_hints_and_the_methods_names(board: ConvolutionBoard) -> None:
    assert pages_of(board) == [0, 0]
    assert [row[0] for row in rows_of(board)] == [
        "Plain loops",
        "Sliding windows and einsum",
        "im2col and a matrix product",
        "TensorFlow",
    ]
    assert not find(board, QPushButton, "slide_play").isEnabled()


def test_the_table_fills_as_methods_are_done(board: ConvolutionBoard) -> None:
    observations = drawn(board, method("loops", 0.1, largest_difference=0.0))
    assert rows_of(board)[0][1:] == ["100.000", "1.0×", "reference", "float64"]
    assert rows_of(board)[1][1:] == ["", "", "", ""]
    observations.take(method("windows", 0.00004))
    for view in board.views():
        view.refresh(observations)
    assert rows_of(board)[1][1:] == ["0.040", "2,500.0×", "2.5e-14", "float64"]
    texts = [label.text() for label in find(board, QWidget, "convolution_methods").findChildren(QLabel)]
    assert texts == ["input 3x1x6x7 uint8, kernel 2x1x3x2 float64\n→ output 3x2x4x6: 864 multiplications"]


def test_a_new_run_empties_the_board(board: ConvolutionBoard) -> None:
    drawn(board, method("loops", 0.1), computed())
    assert pages_of(board) == [1, 1]
    drawn(board)
    assert pages_of(board) == [0, 0]
    assert {text for row in rows_of(board) for text in row[1:]} == {""}


def test_bars_stand_on_a_logarithmic_axis(board: ConvolutionBoard) -> None:
    drawn(board, method("loops", 20.0), method("im2col", 0.000001))
    times = find(board, MethodTimes, "convolution_times")
    bars = {item.opts["y"]: (item.opts["x0"], item.opts["x1"]) for item in times.getPlotItem().items}
    assert bars[0] == (-3, pytest.approx(np.log10(20_000)))
    assert bars[2] == (-3, pytest.approx(-3))
    assert times.getViewBox().viewRange()[0] == [-3, 5]


def test_the_kernel_starts_at_the_strongest_response(board: ConvolutionBoard) -> None:
    found = computed()
    drawn(board, found)
    slide = find(board, SlidingKernel, "convolution_slide")
    largest = np.abs(found.arrays["loops"][0, 0])
    assert largest[slide.position] == largest.max()


def test_the_numbers_are_those_of_the_chosen_position(qtbot: QtBot, board: ConvolutionBoard) -> None:
    found = computed()
    drawn(board, found)
    find(board, QSpinBox, "slide_image").setValue(3)
    find(board, QComboBox, "slide_kernel").setCurrentIndex(1)
    click(qtbot, find(board, PixelImage, "slide_output"), 2, 4)
    window = found.arrays["input"][2, 0, 2:5, 4:6]
    kernel = found.arrays["kernel"][1, 0]
    for name, values in (("window", window), ("weights", kernel), ("products", window * kernel)):
        grid = find(board, NumberGrid, f"slide_{name}")
        assert grid.texts() == [[as_number(value) for value in row] for row in values]
    text = find(board, QLabel, "slide_sum").text()
    assert f"<b>{found.arrays['loops'][2, 1, 2, 4]:.5g}</b>" in text
    assert "row 3, column 5" in text


def test_the_window_follows_the_mouse_within_the_image(qtbot: QtBot, board: ConvolutionBoard) -> None:
    drawn(board, computed())
    slide, input = find(board, SlidingKernel, "convolution_slide"), find(board, PixelImage, "slide_input")
    click(qtbot, input, 3, 4)
    assert slide.position == (2, 3)  # the middle of 3x2 pixels is their second row and column
    click(qtbot, input, 0, 0)
    assert slide.position == (0, 0)
    qtbot.mousePress(input, Qt.MouseButton.LeftButton, pos=input.area(1, 1, 1, 1).center().toPoint())
    qtbot.mouseMove(input, input.rect().bottomRight())
    qtbot.waitUntil(lambda: slide.position == (3, 5))
    qtbot.mouseRelease(input, Qt.MouseButton.LeftButton)


def test_arrow_keys_move_the_window(qtbot: QtBot, board: ConvolutionBoard) -> None:
    drawn(board, computed())
    slide, output = find(board, SlidingKernel, "convolution_slide"), find(board, PixelImage, "slide_output")
    slide.move_to(1, 1)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Left, Qt.Key.Key_A):
        qtbot.keyClick(output, key)
    assert slide.position == (1, 2)


def test_an_output_picked_in_the_grid_is_the_one_shown(qtbot: QtBot, board: ConvolutionBoard) -> None:
    drawn(board, computed())
    cells = find(board, OutputGrid, "convolution_outputs").cells
    qtbot.mouseClick(cells, Qt.MouseButton.LeftButton, pos=cells.cell(3, 2).center())
    assert find(board, QSpinBox, "slide_image").value() == 3
    assert find(board, QComboBox, "slide_kernel").currentIndex() == 1
    qtbot.mouseClick(cells, Qt.MouseButton.LeftButton, pos=cells.cell(0, 1).center())  # a kernel is not an output
    qtbot.keyClick(cells, Qt.Key.Key_Up)
    qtbot.keyClick(cells, Qt.Key.Key_Right)  # there is no third kernel
    assert find(board, QSpinBox, "slide_image").value() == 2
    assert find(board, QComboBox, "slide_kernel").currentIndex() == 1
    assert cells.tip(2, 2) == "image 2, kernel 2"
    assert cells.tip(0, 1) == "kernel 1"
    assert cells.tip(4, 1) == ""


def test_a_choice_below_is_framed_in_the_grid(qtbot: QtBot, board: ConvolutionBoard) -> None:
    drawn(board, computed())
    cells = find(board, OutputGrid, "convolution_outputs").cells
    find(board, QSpinBox, "slide_image").setValue(2)
    framed = cells.cell(2, 1)
    assert cells.grab().toImage().pixelColor(framed.topLeft() + QPoint(0, framed.height() // 2)) == QColor(MARK)


def test_raw_outputs_share_a_scale_and_normalised_ones_do_not(board: ConvolutionBoard) -> None:
    found = computed()
    found.arrays["loops"][1] /= 100
    drawn(board, found)
    cells = find(board, OutputGrid, "convolution_outputs").cells

    def levels() -> set[int]:
        place, image = cells.cell(2, 1), cells.grab().toImage()
        return {image.pixelColor(x, place.center().y()).red() for x in range(place.left() + 2, place.right() - 2)}

    raw = levels()
    assert max(raw) - min(raw) < 10
    find(board, QRadioButton, "outputs_normalised").setChecked(True)
    normalised = levels()
    assert max(normalised) - min(normalised) > 50


def test_play_slides_over_the_whole_image_and_uncovers_the_output(
    board: ConvolutionBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn(board, computed())
    slide, play = find(board, SlidingKernel, "convolution_slide"), find(board, QPushButton, "slide_play")
    output = find(board, PixelImage, "slide_output")
    slide.move_to(0, 5)
    play.setChecked(True)
    assert slide.findChild(QTimer).isActive()
    assert play.text() == "Pause"
    slide.findChild(QTimer).timeout.emit()
    assert slide.position == (1, 0)
    picture, background = output.grab().toImage(), board.palette().window().color()
    assert picture.pixelColor(output.area(1, 3, 1, 1).center().toPoint()) == background
    assert picture.pixelColor(output.area(3, 0, 1, 1).center().toPoint()) == background
    assert picture.pixelColor(output.area(0, 3, 1, 1).center().toPoint()) != background
    slide.move_to(3, 5)
    slide.findChild(QTimer).timeout.emit()
    assert slide.position == (0, 0)  # and from the beginning
    play.setChecked(False)
    assert not slide.findChild(QTimer).isActive()
    assert output.grab().toImage().pixelColor(output.area(3, 0, 1, 1).center().toPoint()) != background


def test_playing_stops_when_hidden_and_at_a_new_run(board: ConvolutionBoard) -> None:
    drawn(board, computed())
    slide, play = find(board, SlidingKernel, "convolution_slide"), find(board, QPushButton, "slide_play")
    play.setChecked(True)
    board.hide()
    assert not slide.findChild(QTimer).isActive()
    board.show()
    play.setChecked(True)
    drawn(board)
    assert not slide.findChild(QTimer).isActive()
    assert not play.isEnabled()


def test_channels_are_chosen_where_there_are_several(board: ConvolutionBoard) -> None:
    channel = find(board, QSpinBox, "slide_channel")
    drawn(board, computed())
    assert not channel.isVisible()
    found = computed(channels=3)
    drawn(board, found)
    assert channel.isVisible()
    slide, total = find(board, SlidingKernel, "convolution_slide"), 0.0
    for number in range(3):
        channel.setValue(number + 1)
        row, column = slide.position
        window = found.arrays["input"][0, number, row : row + 3, column : column + 2]
        part = float((window * found.arrays["kernel"][0, number]).sum())
        assert find(board, QLabel, "slide_sum").text().startswith(f"channel {number + 1} alone: {as_number(part)}<")
        total += part
    assert f"<b>{total:.5g}</b>" in find(board, QLabel, "slide_sum").text()


@pytest.mark.parametrize("scheme", [Scheme.LIGHT, Scheme.DARK])
@pytest.mark.parametrize(
    "found",
    [
        computed(images=1, kernels=1, image=(3, 2)),
        computed(images=60, kernels=30),
        computed(channels=2, image=(3, 600)),
    ],
    ids=["smallest", "many", "wide"],
)
def test_any_shapes_are_painted(
    application: QApplication, board: ConvolutionBoard, scheme: Scheme, found: Computed
) -> None:
    apply_scheme(application, scheme)
    drawn(board, found)
    picture = board.grab().toImage()
    assert len({picture.pixel(x, y) for x in range(0, 900, 7) for y in range(0, 700, 7)}) > 10


@pytest.mark.parametrize("side", [2, 300])
def test_signed_numbers_are_distinguished_by_colour(qtbot: QtBot, side: int) -> None:
    """With numbers written into the cells, and with cells too small for that."""
    grid = NumberGrid("numbers", "Numbers")
    qtbot.addWidget(grid)
    grid.resize(200, 200)
    values: Array = np.ones((side, side))
    values[side // 2 :] = -1
    grid.show_signed(values, 1.0)
    picture = grid.grab().toImage()
    upper, lower = picture.pixelColor(4, 4), picture.pixelColor(4, 194)
    assert upper.blue() > upper.red()
    assert lower.red() > lower.blue()


def test_grey_levels_go_from_black_to_white() -> None:
    image = grey_image(np.array([[-1e308, 0.0, 1e308, 1e308]]), -1e308, 1e308)
    assert [image.pixelColor(column, 0).red() for column in range(4)] == [0, 128, 255, 255]
    flat = grey_image(np.array([[True]]), 1.0, 1.0)
    assert flat.pixelColor(0, 0).red() == 0


def test_the_tab_shows_what_a_run_finds(qtbot: QtBot, tmp_path: Path) -> None:
    board = convolution_board()
    tab = ExperimentTab(CONVOLUTION_EXPERIMENT, lambda: board, WeightReader(StoreReader(tmp_path)))
    qtbot.addWidget(tab)
    tab.build()
    assert isinstance(board, ConvolutionBoard)
    with qtbot.waitSignal(tab.run_requested) as signal:
        find(tab, QToolButton, "run").click()
    assert signal.args[0].spec == CONVOLUTION_EXPERIMENT.preset("quick")
    for event in (
        ComputationStarted(1, "convolution"),
        ComputedPart("shapes", SHAPES),
        method("loops", 0.1),
        computed(),
        ExperimentFinished(1, Status.FINISHED),
    ):
        tab.take(event)
    assert pages_of(board) == [1, 1]
    assert rows_of(board)[0][1] == "100.000"
    assert find(tab, QToolButton, "export").isEnabled()
