"""Curve plots of a board: shared zoom and cursor, tooltip, event marks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from engine.events.runs import Intervention, InterventionKind
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from gui.boards.schedule import schedule_board
from gui.boards.training_board import TrainingBoard
from gui.plots.curves.curve import FADED
from gui.plots.curves.curve_plot import CurveEvent, CurvePlot, Series
from gui.plots.curves.legend import Legend
from gui.plots.curves.options import CurveOptions, Horizontal, Repeats
from gui.plots.curves.switch_plot import SwitchPlot
from tests.engine.support import record, started
from tests.gui.curve_support import filled, marks, opened, plot_of, recorded, show
from tests.gui.support import begun, find

PLOTS = ("training_loss", "accuracy", "gradient_norm")


@pytest.fixture
def board(qtbot: QtBot) -> TrainingBoard:
    return opened(qtbot, filled())


def ranges(board: TrainingBoard) -> list[list[float]]:
    return [list(plot_of(board, name).getViewBox().viewRange()[0]) for name in PLOTS]


def place(plot: CurvePlot, x: float) -> QPointF:
    """Return the widget position of x on the axis, at half height."""
    box = plot.getViewBox()
    return QPointF(plot.mapFromScene(box.mapViewToScene(QPointF(x, sum(box.viewRange()[1]) / 2))))


def wheel(plot: CurvePlot, x: float) -> None:
    where = place(plot, x)
    none, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(
        where,
        plot.viewport().mapToGlobal(where),
        QPoint(),
        QPoint(0, 240),
        none,
        Qt.KeyboardModifier.NoModifier,
        phase,
        False,
    )
    QApplication.sendEvent(plot.viewport(), event)


def box(plot: CurvePlot) -> QLabel:
    return find(plot, QLabel, f"{plot.objectName()}_read_out")


def cursor(plot: CurvePlot) -> float | None:
    line = plot.tooltip.line
    return float(line.value()) if line.isVisible() else None


def test_the_wheel_zooms_all_plots_horizontally_and_one_vertically(board: TrainingBoard) -> None:
    plot, other = plot_of(board), plot_of(board, "accuracy")
    before, other_before = plot.getViewBox().viewRange(), other.getViewBox().viewRange()
    wheel(plot, 100)
    after = plot.getViewBox().viewRange()
    assert before[0][0] < after[0][0] < after[0][1] < before[0][1]
    assert after[1][1] - after[1][0] < before[1][1] - before[1][0]
    for seen in ranges(board):
        np.testing.assert_allclose(seen, after[0])
    np.testing.assert_allclose(other.getViewBox().viewRange()[1], other_before[1])


def test_a_live_run_never_jumps_out_of_a_zoom(qtbot: QtBot) -> None:
    observations = filled()
    board = opened(qtbot, observations)
    plot_of(board).setXRange(30, 60, padding=0)
    plot_of(board, "accuracy").setYRange(50, 60, padding=0)
    observations.take(recorded(4, 110))
    for view in board.views():
        view.refresh(observations)
    for seen in ranges(board):
        np.testing.assert_allclose(seen, [30, 60])
    np.testing.assert_allclose(plot_of(board, "accuracy").getViewBox().viewRange()[1], [50, 60])
    for view in board.views():
        view.begin(observations)  # the plan grew
        view.refresh(observations)
    for seen in ranges(board):
        np.testing.assert_allclose(seen, [30, 60])
    plot_of(board).link.use(CurveOptions(smoothing=0.5))
    for seen in ranges(board):
        np.testing.assert_allclose(seen, [30, 60])


def test_a_new_experiment_is_shown_as_a_whole(board: TrainingBoard) -> None:
    plot_of(board).setXRange(30, 60, padding=0)
    observations = filled(records=40)
    observations.experiment = 2
    show(board, observations)
    for low, high in ranges(board):
        assert low < 0
        assert high > 400


def test_a_double_click_shows_all_again(board: TrainingBoard, qtbot: QtBot) -> None:
    plot = plot_of(board)
    whole = ranges(board)
    plot.setXRange(30, 60, padding=0)
    qtbot.mouseDClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=place(plot, 45).toPoint())
    np.testing.assert_allclose(ranges(board), whole)


def test_only_what_is_seen_is_drawn(board: TrainingBoard) -> None:
    plot = plot_of(board)
    plot.setXRange(95, 105, padding=0)
    assert plot.curves["mlp_1"][0].line.getData()[0].tolist() == [90, 100, 110]


def test_the_cursor_is_in_all_plots_and_its_values_in_one(
    board: TrainingBoard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pg.CONFIG_OPTIONS, "mouseRateLimit", 0)
    plot = plot_of(board)
    qtbot.mouseMove(plot.viewport(), place(plot, 50).toPoint())
    qtbot.mouseMove(plot.viewport(), place(plot, 100).toPoint())
    qtbot.waitUntil(lambda: (cursor(plot) or 0) > 90)
    x = cursor(plot)
    assert x == pytest.approx(100, abs=2)
    assert [cursor(plot_of(board, name)) for name in PLOTS] == [x] * 3
    assert box(plot).isVisible()
    assert not box(plot_of(board, "accuracy")).isVisible()
    QApplication.sendEvent(plot, QEvent(QEvent.Type.Leave))
    assert [cursor(plot_of(board, name)) for name in PLOTS] == [None] * 3
    assert not box(plot).isVisible()


def test_the_tooltip_lists_all_curves_there_in_descending_order(board: TrainingBoard) -> None:
    plot = plot_of(board)
    plot.link.move_cursor(plot, 101)
    text = box(plot).text()
    means = {name: plot.curve_data(name, "training_loss")[1][9] for name in ("mlp_1", "cnn_4")}
    assert means["cnn_4"] > means["mlp_1"]
    assert text.index("cnn_4") < text.index("mlp_1")
    for name, value in means.items():
        runs = plot.curves[name][0].variant.runs
        deviation = np.std([run.curves["training_loss"][9] for run in runs], ddof=1)
        assert f"{value:.4g} ± {deviation:.2g}" in text
    assert "step 100 · epoch 10" in text
    plot.show_variant("cnn_4", False)
    assert "cnn_4" not in box(plot).text()


def test_the_tooltip_shows_measured_and_smoothed_values(board: TrainingBoard) -> None:
    plot = plot_of(board)
    measured = plot.curve_data("mlp_1", "training_loss")[1][9]
    plot.link.use(CurveOptions(smoothing=0.9, repeats=Repeats.MEAN))
    smooth = plot.curve_data("mlp_1", "training_loss")[1][9]
    plot.link.move_cursor(plot, 100)
    text = box(plot).text()
    assert f"{measured:.4g}" != f"{smooth:.4g}"
    assert text.index("measured") < text.index("smoothed") < text.index("mlp_1") < text.index(f"{measured:.4g}")
    assert text.index(f"{measured:.4g}") < text.index(f"{smooth:.4g}")
    plot.link.use(CurveOptions(repeats=Repeats.MEAN))
    assert f"{measured:.4g}" in box(plot).text()
    assert "smoothed" not in box(plot).text()


def test_a_learning_rate_is_never_smoothed(qtbot: QtBot) -> None:
    plot = CurvePlot("rate", "Learning rate", "learning rate", (Series("learning_rate"),))
    qtbot.addWidget(plot)
    observations = begun(ARCHITECTURES_EXPERIMENT, architectures=["mlp_1"], repeats=1)
    observations.take(started())
    for step in range(10, 110, 10):
        observations.take(record(1, step, learning_rate=0.1 if step <= 50 else 0.01))
    plot.begin(observations)
    plot.use_options(CurveOptions(smoothing=0.9))
    assert plot.curve_data("mlp_1", "learning_rate")[1].tolist() == [0.1] * 5 + [0.01] * 5
    plot.link.move_cursor(plot, 60)
    assert "smoothed" not in box(plot).text()


def test_the_tooltip_names_the_quantity_where_a_plot_has_two(board: TrainingBoard) -> None:
    plot = plot_of(board, "accuracy")
    plot.link.move_cursor(plot, 100)
    assert "mlp_1 validation" in box(plot).text()
    assert "mlp_1 training" in box(plot).text()


def test_the_tooltip_lists_each_run_where_runs_are_drawn_and_their_steps_on_a_time_axis(board: TrainingBoard) -> None:
    plot = plot_of(board)
    plot.link.use(CurveOptions(horizontal=Horizontal.TIME, repeats=Repeats.RUNS))
    plot.link.move_cursor(plot, 15.0)  # run 1 makes ten steps a second, run 3 a third of it
    text = box(plot).text()
    assert "mlp_1 run 1" in text
    assert "step 150" in text
    assert "mlp_1 run 2" in text
    assert "step 50" in text


def test_the_tooltip_stays_within_the_plot_however_many_curves_there_are(qtbot: QtBot) -> None:
    board = opened(qtbot, filled(repeats=30))
    plot = plot_of(board)
    plot.link.use(CurveOptions(repeats=Repeats.RUNS))
    for x in (10, 100, 195):
        plot.link.move_cursor(plot, x)
        assert plot.rect().contains(box(plot).geometry())
        assert "more" in box(plot).text()
    board.resize(930, 600)
    QApplication.processEvents()
    assert plot.rect().contains(box(plot).geometry())


def test_beyond_the_end_of_all_curves_there_is_no_tooltip(board: TrainingBoard) -> None:
    plot = plot_of(board)
    plot.link.move_cursor(plot, 1.0)
    assert not box(plot).isVisible()
    assert cursor(plot) == 1.0


def test_a_tooltip_is_updated_while_the_run_continues(qtbot: QtBot) -> None:
    observations = filled()
    board = opened(qtbot, observations)
    plot = plot_of(board)
    plot.link.move_cursor(plot, 110)
    before = box(plot).text()
    observations.take(recorded(4, 110))
    plot.refresh(observations)
    assert box(plot).text() != before


@pytest.mark.parametrize(
    ("key", "modifier", "expected"),
    [
        (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier, 110),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier, 90),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 10),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, 200),
        (Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier, None),
    ],
)
def test_keys_move_the_cursor_from_record_to_record(
    board: TrainingBoard, qtbot: QtBot, key: Qt.Key, modifier: Qt.KeyboardModifier, expected: float | None
) -> None:
    plot = plot_of(board)
    plot.link.move_cursor(plot, 100)
    qtbot.keyClick(plot, key, modifier)
    assert [cursor(plot_of(board, name)) for name in PLOTS] == [expected] * 3
    assert box(plot).isVisible() is (expected is not None)


def test_the_tab_key_shows_the_cursor_in_the_plot_it_comes_to(board: TrainingBoard) -> None:
    plot = plot_of(board)
    for kind, expected in ((QEvent.Type.FocusIn, 100), (QEvent.Type.FocusOut, None)):
        QApplication.sendEvent(plot, QFocusEvent(kind, Qt.FocusReason.TabFocusReason))
        assert cursor(plot) == expected


def test_shift_moves_the_cursor_further(board: TrainingBoard, qtbot: QtBot) -> None:
    plot = plot_of(board)
    plot.link.move_cursor(plot, 100)
    qtbot.keyClick(plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    box = plot.getViewBox()
    low, high = box.viewRange()[0]
    assert cursor(plot) == pytest.approx(100 + 20 * (high - low) / box.width(), abs=10)
    assert plot.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_a_highlighted_variant_fades_the_others(board: TrainingBoard) -> None:
    find(board, Legend, "legend").highlighted.emit("mlp_1")
    for name in PLOTS:
        curves = plot_of(board, name).curves
        assert curves["mlp_1"][0].line.opacity() == 1
        assert curves["cnn_4"][0].line.opacity() == FADED
    find(board, Legend, "legend").highlighted.emit(None)
    assert plot_of(board).curves["cnn_4"][0].line.opacity() == 1


def test_events_are_marked_on_the_curves_of_their_variant(board: TrainingBoard) -> None:
    plot = plot_of(board)
    plot.show_events([CurveEvent("mlp_1", 50, "rate 0.01"), CurveEvent("cnn_4", 100, "paused")])
    assert [line.value() for line in marks(plot)] == [50, 100]
    assert [line.label.format for line in marks(plot)] == ["rate 0.01", "paused"]
    assert marks(plot)[0].pen.color().name().upper() == "#0072B2"
    plot.show_variant("mlp_1", False)
    assert [line.isVisible() for line in marks(plot)] == [False, True]
    plot.link.move_cursor(plot, 100)
    assert "cnn_4: paused" in box(plot).text()


def test_many_events_have_no_labels_but_are_in_the_tooltip(board: TrainingBoard) -> None:
    plot = plot_of(board)
    plot.show_events([CurveEvent("mlp_1", 10.0 * step, f"rate {step}") for step in range(1, 11)])
    assert [getattr(line, "label", None) for line in marks(plot)] == [None] * 10
    plot.link.move_cursor(plot, 50)
    assert "mlp_1: rate 5" in box(plot).text()


def test_interventions_are_marked_in_every_plot_at_their_time(qtbot: QtBot) -> None:
    observations = filled()
    board = opened(qtbot, observations)
    observations.take(Intervention(1, 100, 10.0, InterventionKind.LEARNING_RATE, 0.01))
    for name in PLOTS:
        plot = plot_of(board, name)
        plot.refresh(observations)
        assert [(line.label.format, line.value()) for line in marks(plot)] == [("rate 0.01", 100)]
    plot.link.use(CurveOptions(horizontal=Horizontal.TIME))
    assert marks(plot)[0].value() == pytest.approx(20.0), "the mean time of step 100"
    plot.link.use(CurveOptions(horizontal=Horizontal.EPOCH, logarithmic=True))
    assert marks(plot)[0].value() == pytest.approx(1.0)


def test_where_a_run_was_resumed_is_marked_faintly_and_explained(qtbot: QtBot) -> None:
    observations = filled()
    board = opened(qtbot, observations)
    observations.take(Intervention(1, 50, 5.0, InterventionKind.CONTINUED))
    observations.take(Intervention(1, 100, 10.0, InterventionKind.MOVED))
    observations.take(Intervention(1, 150, 15.0, InterventionKind.PAUSED))
    plot = plot_of(board)
    plot.refresh(observations)
    faint, plain = marks(plot)
    assert [faint.label.format, plain.label.format] == ["continued", "continued elsewhere"]
    assert faint.pen.color().alpha() < plain.pen.color().alpha()
    plot.link.move_cursor(plot, 100)
    assert "which may change its numbers" in box(plot).text()


def test_marks_of_a_schedule_stay_at_their_epochs_on_every_axis(qtbot: QtBot) -> None:
    board = schedule_board()
    qtbot.addWidget(board)
    show(board, begun(SCHEDULE_EXPERIMENT, switches=(4, 9), rates=(0.1, 0.01, 0.001), epochs=15))
    plot = find(board, SwitchPlot, "validation_accuracy")
    for options, expected in (
        (CurveOptions(horizontal=Horizontal.EPOCH), [4, 9]),
        (CurveOptions(logarithmic=True), np.log10([40, 90])),
        (CurveOptions(horizontal=Horizontal.TIME), None),
        (CurveOptions(), [40, 90]),
    ):
        plot.link.use(options)
        assert plot.switches == (4, 9)
        assert [mark.isVisible() for mark in marks(plot)] == [expected is not None] * 2
        if expected is not None:
            np.testing.assert_allclose([mark.value() for mark in marks(plot)], expected)


@pytest.mark.parametrize("repeats", list(Repeats))
def test_every_combination_draws_an_empty_and_a_growing_plan(qtbot: QtBot, repeats: Repeats) -> None:
    plot = SwitchPlot("validation_accuracy", "Validation accuracy", "accuracy (%)", (Series("validation_accuracy"),))
    qtbot.addWidget(plot)
    plot.resize(600, 400)
    for horizontal, logarithmic in product(Horizontal, (False, True)):
        plot.link.use(CurveOptions(0.8, horizontal, logarithmic, repeats, ignore_outliers=True, mark_best=True))
        observations = begun(SCHEDULE_EXPERIMENT, epochs=15)
        plot.begin(observations)
        plot.refresh(observations)
        assert not plot.grab().isNull()
        observations = filled()
        plot.begin(observations)
        plot.refresh(observations)
        observations.take(recorded(4, 110))
        plot.refresh(observations)
        assert np.isfinite(plot.getViewBox().viewRange()).all()
        plot.link.move_cursor(plot, plot.to_axis(10.0))
        assert not plot.grab().isNull()
