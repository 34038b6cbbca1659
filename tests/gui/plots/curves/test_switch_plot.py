"""Curves with marks at the learning rate's switches."""

from __future__ import annotations

import pyqtgraph as pg
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from engine.config.specs import RunSpec
from engine.events.experiments import RunsAdded
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from engine.experiments.schedule.experiment import LearningScheduleSpec
from gui.observations.experiment import Observations
from gui.plots.curves.curve_plot import Series
from gui.plots.curves.switch_plot import SwitchPlot
from tests.engine.support import record, started
from tests.gui.conftest import MakeWindow
from tests.gui.curve_support import marks
from tests.gui.support import begun, find, numbered, tab_of

STEPS_PER_EPOCH = 10


@pytest.fixture
def plot(qtbot: QtBot) -> SwitchPlot:
    made = SwitchPlot("validation_accuracy", "Validation accuracy", "accuracy (%)", (Series("validation_accuracy"),))
    qtbot.addWidget(made)
    made.resize(600, 400)
    return made


def given(*switches: int, epochs: int = 15) -> Observations:
    """Return a schedule whose switches were set in the form."""
    rates = [0.1 / 10**number for number in range(len(switches) + 1)]
    return begun(SCHEDULE_EXPERIMENT, switches=switches, rates=rates, epochs=epochs)


def labels(plot: SwitchPlot) -> list[str]:
    return [mark.label.format for mark in marks(plot)]


def drag(plot: SwitchPlot, mark: int, epoch: float) -> None:
    """Drag a mark to another epoch with the mouse."""
    box, line = plot.getViewBox(), marks(plot)[mark]
    height = sum(box.viewRange()[1]) / 2
    at = lambda x: QPointF(plot.mapFromScene(box.mapViewToScene(QPointF(x, height))))  # noqa: E731
    start, end = at(line.value()), at(epoch * STEPS_PER_EPOCH)
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    for kind, place, button, held in (
        (QEvent.Type.MouseMove, start, none, none),
        (QEvent.Type.MouseButtonPress, start, left, left),
        *((QEvent.Type.MouseMove, start + (end - start) * share, none, left) for share in (0.3, 0.6, 1.0)),
        (QEvent.Type.MouseButtonRelease, end, left, none),
    ):
        event = QMouseEvent(
            kind, place, plot.viewport().mapToGlobal(place), button, held, Qt.KeyboardModifier.NoModifier
        )
        QApplication.sendEvent(plot.viewport(), event)


def test_the_switches_set_in_the_form_are_marked_and_named(plot: SwitchPlot) -> None:
    plot.begin(given(4, 9))
    assert plot.switches == (4, 9)
    assert [mark.value() for mark in marks(plot)] == [40, 90]
    assert labels(plot) == ["epoch 4", "epoch 9"]


def test_a_schedule_without_switches_has_no_marks(plot: SwitchPlot) -> None:
    plot.begin(given())
    assert plot.switches == ()


def test_a_mark_is_dragged_to_the_end_of_another_epoch(
    plot: SwitchPlot, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pg.CONFIG_OPTIONS, "mouseRateLimit", 0)  # no rate limit, as a test moves faster than a hand
    plot.begin(given(4, 9))
    plot.show()
    qtbot.waitExposed(plot)
    with qtbot.waitSignal(plot.switches_moved) as moved:
        drag(plot, 0, 6.3)
    assert moved.args == [(6, 9)]
    assert (plot.switches, labels(plot)) == ((6, 9), ["epoch 6", "epoch 9"])
    assert marks(plot)[0].value() == 60, "it stands where the epoch ends"


@pytest.mark.parametrize(
    ("mark", "epoch", "switches"),
    [
        (0, 13, (9, 13)),  # past the other one: they stay in order
        (0, 9, (9, 10)),  # onto the other one: an epoch lies between
        (1, 4, (4, 5)),
        (1, 15, (4, 14)),  # the last rate keeps an epoch
        (0, 0, (1, 9)),
        (1, 14, (4, 14)),
    ],
)
def test_marks_keep_an_epoch_for_every_rate(plot: SwitchPlot, mark: int, epoch: int, switches: tuple[int, ...]) -> None:
    plot.begin(given(4, 9))
    marks(plot)[mark].setValue(epoch * STEPS_PER_EPOCH)
    marks(plot)[mark].sigPositionChangeFinished.emit(marks(plot)[mark])
    assert plot.switches == switches
    assert LearningScheduleSpec.build({"epochs": 15, "switches": plot.switches}).switches == switches
    assert sorted(mark.value() for mark in marks(plot)) == [STEPS_PER_EPOCH * epoch for epoch in switches]


def test_both_marks_dragged_to_the_end_leave_room_for_each_other(plot: SwitchPlot) -> None:
    plot.begin(given(4, 9))
    for mark in marks(plot):
        mark.setValue(14 * STEPS_PER_EPOCH)
    assert plot.switches == (13, 14)


def test_marks_found_by_a_search_can_be_moved_only_once_the_schedule_is_known(plot: SwitchPlot) -> None:
    observations = begun(SCHEDULE_EXPERIMENT, epochs=15)
    plot.begin(observations)
    assert plot.switches == ()
    search = _later(observations, "search_2", (4,))
    observations.take(RunsAdded(numbered([search], first=11, total_steps=150)))
    plot.begin(observations)
    assert (plot.switches, [mark.movable for mark in marks(plot)]) == ((4,), [False])
    steps = _later(observations, "steps", (4, 9))
    observations.take(RunsAdded(numbered([steps], first=12, total_steps=150)))
    plot.begin(observations)
    assert (plot.switches, [mark.movable for mark in marks(plot)]) == ((4, 9), [True, True])


def test_a_new_stage_keeps_the_curves_of_the_stage_before(plot: SwitchPlot) -> None:
    observations = begun(SCHEDULE_EXPERIMENT, epochs=15)
    for event in (started(1), record(1, 10, validation_accuracy=0.5)):
        observations.take(event)
    plot.begin(observations)
    observations.take(RunsAdded(numbered([_later(observations, "search_2", (4,))], first=11, total_steps=150)))
    plot.begin(observations)
    plot.refresh(observations)
    assert plot.curve_data("search_1", "validation_accuracy")[1].tolist() == [0.5]


def test_dragging_a_mark_sets_the_switches_of_the_form(make_window: MakeWindow, qtbot: QtBot) -> None:
    tab = tab_of(make_window(), "schedule")
    plot = find(tab.board, SwitchPlot, "validation_accuracy")
    plot.begin(given(4, 9))
    assert find(tab.form, QLineEdit, "switches").text() == ""
    marks(plot)[1].setValue(12 * STEPS_PER_EPOCH)
    with qtbot.waitSignal(tab.board.settings_chosen):
        marks(plot)[1].sigPositionChangeFinished.emit(marks(plot)[1])
    assert find(tab.form, QLineEdit, "switches").text() == "4, 12"
    spec = tab.form.spec()
    assert isinstance(spec, LearningScheduleSpec)
    assert spec.switches == (4, 12)


def _later(observations: Observations, variant: str, switches: tuple[int, ...]) -> RunSpec:
    """Return a run of a later stage."""
    first = observations.runs[1].planned.spec
    rates = (0.1, 0.01, 0.001)[: len(switches) + 1]
    return first.replace(variant=variant, schedule={"kind": "step", "rates": rates, "switches": switches})
