"""Scatter plot of test against training accuracy."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from pytestqt.qtbot import QtBot

from gui.plots.accuracy_scatter import AccuracyScatter
from tests.engine.support import finished, record, started
from tests.gui.support import items, observed


def test_the_scatter_has_one_point_per_tested_run(qtbot: QtBot) -> None:
    scatter = AccuracyScatter()
    qtbot.addWidget(scatter)
    observations = observed(
        *(started(1), record(1, 260, training_accuracy=0.9), finished(1, test_accuracy=0.8)),
        *(started(2), record(2, 10)),
        repeats=2,
    )
    scatter.begin(observations)
    scatter.refresh(observations)
    (points,) = items(scatter, pg.ScatterPlotItem)
    x, y = points.getData()
    np.testing.assert_allclose(x, [90])
    np.testing.assert_allclose(y, [80])
