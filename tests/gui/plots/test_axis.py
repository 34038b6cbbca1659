"""Labels of logarithmic axes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from gui.plots.axis import PlotAxis
from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.plots.curves.options import CurveOptions
from tests.gui.support import find


def labels(qtbot: QtBot, size: tuple[int, int], low: float, high: float) -> dict[str, list[tuple[str, QRectF]]]:
    """Return text and position of the labels of both axes, each from ``low`` to ``high`` (logarithms), in order."""
    plot = CurvePlot("loss", "Loss", "loss (nats)", (Series("training_loss"),), logarithmic=True)
    qtbot.addWidget(plot)
    plot.use_options(CurveOptions(logarithmic=True))
    plot.show_values(True)
    plot.resize(*size)
    plot.show()
    plot.setRange(QRectF(low, low, high - low, high - low), padding=0)
    plot.grab()
    picture = QPixmap(10, 10)
    painter = QPainter(picture)
    found = {}
    for side in ("bottom", "left"):
        _, _, texts = plot.getPlotItem().getAxis(side).generateDrawSpecs(painter)
        along = (lambda rect: rect.left()) if side == "bottom" else (lambda rect: rect.top())
        found[side] = sorted(((text, rect) for rect, _, text in texts if text), key=lambda each: along(each[1]))
    painter.end()
    return found


@pytest.mark.parametrize("size", [(300, 160), (620, 230), (1200, 700)])
@pytest.mark.parametrize(("low", "high"), [(1.0, 2.9), (0.7, 3.4), (-4.0, 1.0), (-12.0, 8.0), (2.0, 2.4)])
def test_labels_of_a_logarithmic_axis_keep_apart(qtbot: QtBot, size: tuple[int, int], low: float, high: float) -> None:
    for found in labels(qtbot, size, low, high).values():
        assert found
        assert not any(a.intersects(b) for (_, a), (_, b) in pairwise(found))


@pytest.mark.parametrize(
    ("width", "expected"),
    [(350, "10¹ 10² 10³ 10⁴"), (1000, "5 10¹ 2·10¹ 5·10¹ 10² 2·10² 5·10² 10³ 2·10³ 5·10³ 10⁴ 2·10⁴")],
)
def test_decades_are_labelled_and_two_and_five_where_there_is_room(qtbot: QtBot, width: int, expected: str) -> None:
    assert [text for text, _ in labels(qtbot, (width, 300), 0.6, 4.4)["bottom"]] == expected.split()


def test_ticks_between_labels_have_no_text() -> None:
    assert PlotAxis("bottom").logTickStrings([1.5, 1.7], 1, None) == ["", ""]


@pytest.mark.parametrize(("height", "shown"), [(75, False), (240, True)])
def test_an_axis_name_does_not_lie_under_the_log_button(qtbot: QtBot, height: int, shown: bool) -> None:
    plot = CurvePlot("rate", "Learning rate", "learning rate", (Series("learning_rate"),))
    qtbot.addWidget(plot)
    plot.resize(400, height)
    plot.show()
    plot.grab()
    name = plot.getPlotItem().getAxis("left").label
    assert bool(name.opacity()) is shown
    plot.use_logarithmic(True)
    assert bool(name.opacity()) is shown
    button = find(plot, QToolButton, "rate_log").geometry()
    covered = plot.mapFromScene(name.mapRectToScene(name.boundingRect())).boundingRect()
    assert covered.intersects(button) is not shown
