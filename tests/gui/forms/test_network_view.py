"""The picture of a network in the window: zooming, saving, copying."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QImage, QWheelEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from engine.networks.architectures import summarize
from gui.forms.network_tip import picture_tip
from gui.forms.network_view import READABLE, NetworkView

SHAPE = (32, 32, 3)


@pytest.fixture
def view(qtbot: QtBot) -> NetworkView:
    view = NetworkView()
    qtbot.addWidget(view)
    view.resize(700, 500)
    view.show()
    return view


def scale(view: NetworkView) -> float:
    return view.transform().m11()


def picture_size(view: NetworkView) -> tuple[float, float]:
    return view.sceneRect().width() * scale(view), view.sceneRect().height() * scale(view)


def test_a_short_network_is_shown_as_a_whole(view: NetworkView) -> None:
    view.show_network(summarize("cnn_5", SHAPE, 10))
    width, height = picture_size(view)
    assert scale(view) >= READABLE
    assert width <= view.viewport().width() + 1
    assert height <= view.viewport().height() + 1


def test_a_long_one_is_legible_and_scrolls_down_until_all_of_it_is_asked_for(view: NetworkView) -> None:
    view.show_network(summarize("resnet_20", SHAPE, 10))
    assert scale(view) == pytest.approx(READABLE)
    assert view.horizontalScrollBar().maximum() == 0
    assert view.verticalScrollBar().maximum() > view.height()
    view.fit.trigger()
    assert scale(view) < READABLE
    assert view.verticalScrollBar().maximum() == 0


def test_ctrl_with_the_wheel_zooms_and_another_network_keeps_the_scale(view: NetworkView) -> None:
    view.show_network(summarize("cnn_5", SHAPE, 10))
    before = scale(view)
    turn_wheel(view, 240, Qt.KeyboardModifier.ControlModifier)
    zoomed = scale(view)
    assert zoomed == pytest.approx(before * 1.15**2)
    view.show_network(summarize("cnn_4", SHAPE, 10))
    assert scale(view) == zoomed
    QTest.keyClicks(view, "-")
    assert scale(view) < zoomed
    QTest.keyClicks(view, "0")
    assert picture_size(view)[1] <= view.viewport().height() + 1


def turn_wheel(view: NetworkView, angle: int, modifier: Qt.KeyboardModifier) -> None:
    place = QPointF(100, 100)
    wheel = QWheelEvent(
        *(place, place, QPoint(), QPoint(0, angle), Qt.MouseButton.NoButton, modifier),
        *(Qt.ScrollPhase.NoScrollPhase, False),
    )
    QApplication.sendEvent(view.viewport(), wheel)


def test_the_wheel_alone_scrolls(view: NetworkView) -> None:
    view.show_network(summarize("resnet_20", SHAPE, 10))
    before = scale(view)
    turn_wheel(view, -240, Qt.KeyboardModifier.NoModifier)
    assert scale(view) == before
    assert view.verticalScrollBar().value() > 0


def test_it_fits_again_when_the_view_grows(view: NetworkView) -> None:
    view.show_network(summarize("cnn_5", SHAPE, 10))
    before = scale(view)
    view.resize(500, 380)
    assert scale(view) < before


def test_the_picture_of_an_earlier_text_is_paler(view: NetworkView) -> None:
    view.show_network(summarize("mlp_1", SHAPE, 10))
    clear = view.grab().toImage()
    view.fade()
    assert contrast(view.grab().toImage()) < contrast(clear)
    view.show_network(summarize("mlp_1", SHAPE, 10))
    assert view.grab().toImage() == clear


def contrast(image: QImage) -> int:
    """The range of lightness within the blocks, in a light or a dark scheme, which an earlier test may have set."""
    middle = range(image.width() // 2 - 100, image.width() // 2 + 100, 2)
    found = [image.pixelColor(x, y).lightness() for x in middle for y in range(10, image.height() - 10, 2)]
    return max(found) - min(found)


def test_a_block_tells_its_layers_under_the_pointer(view: NetworkView) -> None:
    view.show_network(summarize("mlp_1", SHAPE, 10))
    tips = {item.toolTip() for item in view.scene().items()}
    assert "dense_1: 32x32x3 → 32, 32·32·3·32 + 32 = 98,336 parameters\nact_1: 32 → 32" in tips


def test_readers_of_the_screen_are_told_the_layers(view: NetworkView) -> None:
    view.show_network(summarize("mlp_1", SHAPE, 10))
    assert view.accessibleDescription() == "dense_1, act_1, prediction; 98,666 parameters"


def saving(monkeypatch: pytest.MonkeyPatch, path: Path, kind: str = "SVG (*.svg)") -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_given: (str(path), kind))


@pytest.mark.parametrize("name", ["net.svg", "net.SVG"])
def test_it_is_saved_as_svg_with_its_texts(
    view: NetworkView, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    view.show_network(summarize("cnn_3", SHAPE, 10))
    saving(monkeypatch, tmp_path / name)
    view.save.trigger()
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert QSvgRenderer(text.encode()).isValid()
    assert "Conv-7x7x16" in text
    assert "#0072b2" in text, "the colour of convolutions"


def test_it_is_saved_as_png(view: NetworkView, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    view.show_network(summarize("cnn_3", SHAPE, 10))
    saving(monkeypatch, tmp_path / "net.png")
    view.save.trigger()
    image = QImage(str(tmp_path / "net.png"))
    assert image.width() > 700
    assert image.pixelColor(0, 0).name() == "#ffffff"
    assert any(
        image.pixelColor(x, y).blue() > 150 > image.pixelColor(x, y).red() for x in range(60, 150) for y in [300]
    )


def test_a_name_without_ending_gets_that_of_the_chosen_kind(
    view: NetworkView, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    view.show_network(summarize("mlp_1", SHAPE, 10))
    saving(monkeypatch, tmp_path / "net", "PNG (*.png)")
    view.save.trigger()
    assert [path.name for path in tmp_path.iterdir()] == ["net.png"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("net.bmp", "net.bmp has no ending of a picture; choose a name that ends with .svg or .png."),
        ("missing/net.svg", "can't be written (No such file or directory); choose another folder."),
    ],
)
def test_a_file_that_can_not_be_written_is_said(
    view: NetworkView, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot, tmp_path: Path, name: str, sentence: str
) -> None:
    view.show_network(summarize("mlp_1", SHAPE, 10))
    saving(monkeypatch, tmp_path / name)
    with qtbot.waitSignal(view.failed) as signal:
        view.save.trigger()
    assert signal.args[0].endswith(sentence)
    assert list(tmp_path.iterdir()) == []


def test_cancelling_writes_nothing(view: NetworkView, monkeypatch: pytest.MonkeyPatch) -> None:
    view.show_network(summarize("mlp_1", SHAPE, 10))
    saving(monkeypatch, Path())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_given: ("", ""))
    view.save.trigger()


def test_it_is_copied_as_an_image(view: NetworkView) -> None:
    view.show_network(summarize("mlp_1", SHAPE, 10))
    view.copy.trigger()
    assert QGuiApplication.clipboard().image().width() > 500


def test_nothing_can_be_saved_before_there_is_a_picture(view: NetworkView) -> None:
    assert not view.save.isEnabled()
    assert not view.copy.isEnabled()


@pytest.mark.usefixtures("qapp")
def test_a_tool_tip_has_parameters_layers_and_a_picture() -> None:
    tip = picture_tip("small[FC-8, ReLU]")
    assert "<b>small</b>: 8,290 parameters on 32x32 gray images, 10 classes" in tip
    assert "FC-8, ReLU" in tip
    assert 'src="data:image/png;base64,' in tip


@pytest.mark.usefixtures("qapp")
def test_a_tool_tip_says_where_a_built_in_network_is_from_and_why_one_can_not_be_drawn() -> None:
    assert "K. He et al." in picture_tip("resnet_20")
    assert "can&#x27;t be built on 32x32 images" in picture_tip("large[Conv-40x40x2]")
