"""Regression test of a defect of PySide6 6.12.0 that ends the program after minutes."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.plots.curves.curve_plot import CurvePlot, Series
from gui.startup.selftest import lost_references
from tests.engine.support import record, started
from tests.gui.support import observed

REPAINTS = 200


def test_repainting_a_plot_loses_no_reference_to_none(qtbot: QtBot, qapp: QApplication) -> None:
    plot = CurvePlot("training_loss", "Training loss", "loss (nats)", (Series("training_loss"),))
    qtbot.addWidget(plot)
    observations = observed(started(), record())
    plot.begin(observations)
    plot.refresh(observations)
    plot.show()
    plot.grab()
    # One lost per repaint would be 200; other activity of the interpreter changes the count by a few.
    assert lost_references(plot, REPAINTS) < REPAINTS // 4
