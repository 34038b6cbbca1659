"""The board of logged runs, whose curves have gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtWidgets import QComboBox, QLabel, QTableView
from pytestqt.qtbot import QtBot

from engine.events.runs import RunFinished, Status
from gui.boards.own_code import own_code_board
from gui.boards.panels.layers_page import LayersPage
from gui.boards.panels.test_page import TestPage
from gui.boards.training_board import TrainingBoard
from gui.observations.experiment import Observations
from gui.observations.run import metric_quantity
from gui.plots.curves.curve_plot import CurvePlot
from gui.plots.curves.options import CurveOptions, Horizontal, Repeats
from tests.gui.curve_support import show
from tests.gui.support import find
from tests.logged import logged_record, logged_spec, loss_of, observed

EPOCHS = {"steps_per_epoch": 20}


@pytest.fixture
def board(qtbot: QtBot) -> TrainingBoard:
    made = own_code_board()
    qtbot.addWidget(made)
    made.resize(930, 720)
    made.show()
    qtbot.waitExposed(made)
    return made


def shown(board: TrainingBoard, observations: Observations, **options: object) -> CurvePlot:
    """Return the plot of the losses after the observations are shown with the given options."""
    plot = find(board, CurvePlot, "logged_loss")
    plot.link.use(CurveOptions(**options))
    show(board, observations)
    return plot


def axis_of(plot: CurvePlot) -> str:
    """Return the label of the horizontal axis."""
    return str(plot.getPlotItem().getAxis("bottom").labelText)


def tooltip_at(plot: CurvePlot, x: float) -> str:
    """Return the text of the box at ``x``."""
    plot.show_cursor(x, boxed=True)
    return plot.tooltip.box.text()


def test_each_quantity_is_drawn_through_its_own_points(board: TrainingBoard) -> None:
    plot = shown(board, observed([logged_spec()]))
    steps, losses = plot.curve_data("net", "validation_loss")
    assert steps.tolist() == [50, 100, 150, 200]
    assert losses == pytest.approx([1.1 * loss_of(step) for step in (50, 100, 150, 200)])
    assert len(plot.curve_data("net", "training_loss")[0]) == 20


def test_the_cursor_reads_recorded_values_only(board: TrainingBoard) -> None:
    text = tooltip_at(shown(board, observed([logged_spec()])), 63.0)
    assert f"{1.1 * loss_of(50):.4g}&nbsp; step 50" in text
    assert f"{loss_of(60):.4g}&nbsp; step 60" in text
    assert "steps 50 to 60" in text


def test_every_run_is_drawn_through_its_own_points(board: TrainingBoard) -> None:
    plot = shown(board, observed(), repeats=Repeats.RUNS)
    read = {reading.name: (reading.step, reading.value) for reading in plot.readings(15.0, 0.0)}
    assert read == {
        "net training run 1": (10, pytest.approx(loss_of(10, 1))),
        "net training run 2": (15, pytest.approx(loss_of(15, 2))),
    }


def test_a_variant_without_epochs_is_left_out_of_their_axis(board: TrainingBoard) -> None:
    runs = [logged_spec("with", **EPOCHS), logged_spec("without")]
    plot = shown(board, observed(runs), horizontal=Horizontal.EPOCH)
    assert plot.curve_data("with", "training_loss")[0][-1] == 10
    assert not len(plot.curve_data("without", "training_loss")[0])
    assert axis_of(plot) == "epoch (not known of without)"
    assert "without" not in tooltip_at(plot, 2.5)
    plot.link.use(CurveOptions())
    assert plot.curve_data("without", "training_loss")[0][-1] == 200
    assert axis_of(plot) == "step"


def test_points_of_unknown_time_are_left_out_of_its_axis(board: TrainingBoard) -> None:
    def timed_later(run: object) -> list[object]:
        return [
            logged_record(1, 10 * n, training_loss=loss_of(10 * n), **({"seconds": 2.0 * n} if n > 3 else {}))
            for n in range(1, 6)
        ]

    plot = shown(board, observed([logged_spec()], timed_later), horizontal=Horizontal.TIME)
    assert plot.curve_data("net", "training_loss")[0].tolist() == [8, 10]
    assert "10 s" in tooltip_at(plot, 10.0)
    untimed = observed([logged_spec()], lambda _run: [logged_record(1, 10, training_loss=1.0)])
    assert shown(board, untimed, horizontal=Horizontal.TIME).extent() is None


def test_an_unknown_length_grows_in_round_numbers(board: TrainingBoard) -> None:
    observations = observed([logged_spec()], lambda _run: [])
    plot = shown(board, observations)
    ends = []
    for step in range(1, 101):
        observations.take(logged_record(1, step, training_loss=1.0))
        plot.refresh(observations)
        ends.append((plot.extent() or (0, 0))[1])
    assert all(end >= step for step, end in enumerate(ends, 1))
    assert len(set(ends)) < 25
    assert ends[-1] <= 120


def test_replaced_contents_are_drawn(board: TrainingBoard) -> None:
    observations = observed([logged_spec()])
    plot = shown(board, observations)
    run = observations.runs[1]
    run.curves["training_loss"] = type(run.steps)("d", np.array(run.curves["training_loss"]) + 1)
    run.generation += 1
    observations.variants["net"].changes += 1
    plot.refresh(observations)
    assert plot.curve_data("net", "training_loss")[1][0] == pytest.approx(loss_of(10) + 1)


def test_what_was_not_logged_leaves_a_hint(board: TrainingBoard) -> None:
    show(board, observed([logged_spec()], lambda _run: [logged_record(1, 10, training_loss=1.0)]))
    hints = {name: find(board, QLabel, f"logged_{name}_hint").isVisible() for name in ("loss", "accuracy", "gradient")}
    assert hints == {"loss": False, "accuracy": True, "gradient": True}


def test_a_further_number_is_drawn_by_choice_and_offered_when_it_comes(board: TrainingBoard) -> None:
    observations = observed([logged_spec()], lambda _run: [logged_record(1, 10, training_loss=1.0)])
    show(board, observations)
    box, plot = find(board, QComboBox, "logged_number_quantity"), find(board, CurvePlot, "logged_number")
    assert [box.itemText(at) for at in range(box.count())] == ["learning rate", "update ratio of the first layer"]
    observations.take(logged_record(1, 20, metrics=(("perplexity", 7.5),)))
    plot.refresh(observations)
    box.setCurrentIndex(box.findText("perplexity"))
    x, y = plot.curve_data("net", metric_quantity("perplexity"))
    assert (x.tolist(), y.tolist()) == ([20], [7.5])
    assert not find(board, QLabel, "logged_number_hint").isVisible()


def test_pages_and_table_do_with_what_is_known(board: TrainingBoard) -> None:
    observations = observed()
    confusion = np.array([[3, 1], [0, 4]])
    ended = observations.runs[1].finished
    assert ended is not None
    observations.take(replace(ended, confusion=confusion))
    observations.take(RunFinished(2, Status.INTERRUPTED, "The program ended."))
    show(board, observations)
    page = find(board, LayersPage, "layers_page")
    page.refresh(observations)
    assert page.plots[0].line("layer_1").data[0].tolist() == [100, 105, 200]
    assert page.plots[0].getViewBox().viewRange()[0][1] == pytest.approx(204)
    tested = find(board, TestPage, "tested_page")
    tested.refresh(observations)
    assert "7 of 8 right" in find(board, QLabel, "tested_summary").text()
    model = find(board, QTableView, "runs").model()
    cells = [[model.index(row, column).data() for column in range(3, 9)] for row in range(2)]
    assert [row[:3] for row in cells] == [["step 200", "", "–"], ["step 195", "", "–"]]
    assert cells[0][4] == f"{100 * (1 - loss_of(200) / 3):.2f} %"
