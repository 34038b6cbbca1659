"""Curves of a plot: means, bands, logarithms, redrawing only when changed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from gui.plots.curves.curve_plot import CurvePlot, Series
from tests.engine.support import record, started
from tests.gui.support import find, observed


@pytest.fixture
def accuracy(qtbot: QtBot) -> CurvePlot:
    series = (Series("validation_accuracy", 100.0), Series("training_accuracy", 100.0, dashed=True))
    plot = CurvePlot("accuracy", "Accuracy", "accuracy (%)", series)
    qtbot.addWidget(plot)
    return plot


def test_a_curve_plot_draws_means_in_the_axis_unit(accuracy: CurvePlot) -> None:
    observations = observed(
        *(started(1), record(1, 10, validation_accuracy=0.2), record(1, 20, validation_accuracy=0.4)),
        *(started(2), record(2, 10, validation_accuracy=0.4)),
        repeats=2,
    )
    accuracy.begin(observations)
    accuracy.refresh(observations)
    steps, values = accuracy.curve_data("mlp_1", "validation_accuracy")
    assert steps.tolist() == [10, 20]
    np.testing.assert_allclose(values, [30, 40])


@pytest.mark.paints_windows
def test_a_single_record_is_drawn_as_a_dot(qtbot: QtBot) -> None:
    plot = CurvePlot("loss", "Loss", "nats", (Series("training_loss"),))
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    plot.show()
    qtbot.waitExposed(plot)
    observations = observed(started(), record())
    plot.begin(observations)
    plot.refresh(observations)
    colour = QColor(plot.curves["mlp_1"][0].colour)
    image = plot.grab().toImage()
    found = [(x, y) for x in range(image.width()) for y in range(image.height()) if image.pixelColor(x, y) == colour]
    assert len(found) > 10
    assert max(x for x, _ in found) - min(x for x, _ in found) < 12, "and nothing else is"


def test_a_band_spans_one_deviation_where_there_are_two_runs(accuracy: CurvePlot) -> None:
    observations = observed(
        *(started(1), record(1, 10, validation_accuracy=0.2), record(1, 20)),
        *(started(2), record(2, 10, validation_accuracy=0.4)),
        repeats=2,
    )
    accuracy.begin(observations)
    accuracy.refresh(observations)
    band = accuracy.curves["mlp_1"][0].band
    assert band is not None
    deviation = 100 * np.std([0.2, 0.4], ddof=1)
    steps, values = band.getData()
    assert steps.tolist() == [10, 10]
    np.testing.assert_allclose(values, [30 - deviation, 30 + deviation])


def test_an_unchanged_variant_is_not_redrawn(accuracy: CurvePlot, monkeypatch: pytest.MonkeyPatch) -> None:
    observations = observed(started(), record())
    accuracy.begin(observations)
    accuracy.refresh(observations)
    curve = accuracy.curves["mlp_1"][0]
    monkeypatch.setattr(curve, "update", lambda *_options: pytest.fail("redrawn without a change"))
    accuracy.refresh(observations)


def test_a_zoomed_plot_stays_where_the_user_put_it(accuracy: CurvePlot) -> None:
    observations = observed(started(), record(1, 10, validation_accuracy=0.1))
    accuracy.begin(observations)
    accuracy.refresh(observations)
    accuracy.getViewBox().setYRange(5, 15, padding=0)
    accuracy.getViewBox().sigRangeChangedManually.emit([True, True])
    observations.take(record(1, 20, validation_accuracy=0.9))
    accuracy.refresh(observations)
    np.testing.assert_allclose(accuracy.getViewBox().viewRange()[1], [5, 15])


def test_a_logarithmic_plot_leaves_out_what_has_no_logarithm(qtbot: QtBot) -> None:
    plot = CurvePlot("gradient_norm", "Gradient", "L2 norm", (Series("gradient_norm"),), logarithmic=True)
    qtbot.addWidget(plot)
    observations = observed(
        started(), *(record(1, 10 * i, gradient_norms=(v, 1.0)) for i, v in enumerate((0.01, 0.0, math.nan, 1.0), 1))
    )
    plot.begin(observations)
    plot.refresh(observations)
    low, high = plot.getViewBox().viewRange()[1]
    assert low <= -2
    assert high >= 0
    assert math.isfinite(low)
    plot.grab()


def test_the_log_button_turns_the_axis_and_keeps_the_values(accuracy: CurvePlot) -> None:
    observations = observed(
        *(started(1), record(1, 10, validation_accuracy=0.1), record(1, 20, validation_accuracy=0.5)),
        *(started(2), record(2, 10, validation_accuracy=0.3), record(2, 20, validation_accuracy=0.0)),
        repeats=2,
    )
    accuracy.begin(observations)
    accuracy.refresh(observations)
    button = find(accuracy, QToolButton, "accuracy_log")
    for logarithmic in (True, False):
        button.click()
        assert accuracy.is_logarithmic is logarithmic
        np.testing.assert_allclose(accuracy.curve_data("mlp_1", "validation_accuracy")[1], [20, 25])
        low, high = accuracy.getViewBox().viewRange()[1]
        least, most = (math.log10(20), math.log10(25)) if logarithmic else (20, 25)
        assert low <= least < most <= high
        band = accuracy.curves["mlp_1"][0].band
        assert band is not None
        assert np.isfinite(band.getData()[1]).all()
        assert not accuracy.grab().isNull()
