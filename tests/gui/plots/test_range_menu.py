"""The context menu of a plot is made at the first right click."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.plots.plot import Plot
from tests.gui.support import PATIENCE_MS


def make_plot() -> Plot:
    return Plot("ranges", "Ranges", "step", "value")


def make_curve_plot() -> Plot:
    return CurvePlot("training_loss", "Training loss", "loss (nats)", (Series("training_loss"),))


@pytest.mark.parametrize(("plot", "has_menu"), [(make_plot, True), (make_curve_plot, False)])
def test_a_right_click_offers_ranges_except_in_curves(qtbot: QtBot, plot: Callable[[], Plot], has_menu: bool) -> None:
    shown = plot()
    qtbot.addWidget(shown)
    shown.resize(400, 300)
    with qtbot.waitExposed(shown):
        shown.show()
    assert shown.getViewBox().menu is None
    place = shown.mapFromScene(shown.getViewBox().sceneBoundingRect().center())
    for _ in range(2):
        qtbot.mouseClick(shown.viewport(), Qt.MouseButton.RightButton, pos=place)
        if has_menu:
            qtbot.waitUntil(lambda: isinstance(QApplication.activePopupWidget(), QMenu), timeout=PATIENCE_MS)
            assert QApplication.activePopupWidget() is shown.getViewBox().menu
            shown.getViewBox().menu.close()
        assert QApplication.activePopupWidget() is None
    assert (shown.getViewBox().menu is not None) == has_menu
