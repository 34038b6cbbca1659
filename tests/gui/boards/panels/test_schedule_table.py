"""Table of accuracy and time to target per variant."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel, QTableWidget
from pytestqt.qtbot import QtBot

from engine.events.experiments import RunsAdded
from engine.events.runs import Status
from engine.experiments.schedule import SCHEDULE_EXPERIMENT
from engine.experiments.schedule.plateaus import plateau_rule
from gui.boards.panels.schedule_table import TITLES, ScheduleTable
from gui.observations.experiment import Observations
from tests.engine.support import finished, record, started
from tests.gui.support import begun, find, numbered


@pytest.fixture
def view(qtbot: QtBot) -> ScheduleTable:
    made = ScheduleTable()
    qtbot.addWidget(made)
    return made


def two_of_each() -> Observations:
    """Runs 1 and 2 of steps, 3 and 4 of adam, ten steps an epoch; the target is 60 %."""
    return begun(SCHEDULE_EXPERIMENT, switches=(4, 9), epochs=15, repeats=2, target_accuracy=0.6)


def trained(observations: Observations, run: int, accuracies: list[float], test: float | None = None) -> None:
    """Add a record every ten steps, three seconds apart."""
    observations.take(started(run))
    for epoch, accuracy in enumerate(accuracies, start=1):
        changes = {"validation_accuracy": accuracy, "seconds": 3.0 * epoch, "epoch": epoch}
        observations.take(record(run, 10 * epoch, **changes))
    if test is not None:
        observations.take(finished(run, test_accuracy=test))


def rows(view: ScheduleTable) -> list[list[str]]:
    table = find(view, QTableWidget, "comparison_table")
    return [
        [table.model().index(row, column).data() or "" for column in range(len(TITLES))]
        for row in range(table.rowCount())
    ]


def rule(view: ScheduleTable) -> str:
    return find(view, QLabel, "caption").text()


def shown(view: ScheduleTable, observations: Observations) -> list[list[str]]:
    view.begin(observations)
    view.refresh(observations)
    return rows(view)


def test_without_records_the_cells_are_empty(view: ScheduleTable) -> None:
    assert shown(view, two_of_each()) == [
        ["steps", "0", "", "", "0 of 2", "", ""],
        ["adam", "0", "", "", "0 of 2", "", ""],
    ]


def test_accuracy_is_a_mean_with_its_deviation_and_the_best(view: ScheduleTable) -> None:
    observations = two_of_each()
    trained(observations, 1, [0.7], test=0.8)
    assert shown(view, observations)[0][:4] == ["steps", "1", "80.00 %", "80.00 %"]
    trained(observations, 2, [0.7], test=0.9)
    view.refresh(observations)
    assert rows(view)[0][:4] == ["steps", "2", "85.00 ± 7.07 %", "90.00 %"]


def test_how_soon_the_target_is_reached_is_the_mean_over_the_runs_that_reach_it(view: ScheduleTable) -> None:
    observations = two_of_each()
    trained(observations, 1, [0.5, 0.6, 0.4, 0.7])
    trained(observations, 2, [0.1, 0.2, 0.3, 0.65])
    trained(observations, 3, [0.61])
    trained(observations, 4, [0.59, 0.599])
    steps, adam = shown(view, observations)
    assert steps[4:] == ["2 of 2", "3.0", "9.0 s"]
    assert adam[4:] == ["1 of 2", "1.0", "3.0 s"]


def test_once_runs_were_tested_only_finished_ones_are_included(view: ScheduleTable) -> None:
    observations = two_of_each()
    trained(observations, 1, [0.5, 0.6], test=0.8)
    trained(observations, 2, [0.7])
    assert shown(view, observations)[0] == ["steps", "1", "80.00 %", "80.00 %", "1 of 1", "2.0", "6.0 s"]
    observations.take(finished(2, Status.STOPPED, test_accuracy=0.9))
    view.refresh(observations)
    assert rows(view)[0][:4] == ["steps", "1", "80.00 %", "80.00 %"]


def test_the_heading_names_the_target(view: ScheduleTable) -> None:
    view.begin(two_of_each())
    item = find(view, QTableWidget, "comparison_table").horizontalHeaderItem(TITLES.index("Reached"))
    assert item is not None
    assert item.text() == "≥ 60 %"


def test_the_searches_are_not_compared(view: ScheduleTable) -> None:
    observations = begun(SCHEDULE_EXPERIMENT, repeats=1, compare=("adam", "cosine"))
    assert [row[0] for row in shown(view, observations)] == ["adam", "cosine"]
    steps = observations.runs[2].planned.spec.replace(variant="steps")
    observations.take(RunsAdded(numbered([steps], first=9)))
    assert [row[0] for row in shown(view, observations)] == ["adam", "cosine", "steps"]


def test_the_rule_says_where_the_rate_switches_and_why(view: ScheduleTable) -> None:
    view.begin(two_of_each())
    assert rule(view) == "The rate switches after epochs 4, 9, as set in the form."
    observations = begun(SCHEDULE_EXPERIMENT, patience=4, delta=0.01)
    view.begin(observations)
    told = plateau_rule(delta=0.01, patience=4)
    assert rule(view) == told
    assert "more than 1 points above" in told
    assert "once 4 epochs in a row were not" in told
    schedule = {"kind": "step", "rates": (0.1, 0.01), "switches": (6,)}
    search = observations.runs[1].planned.spec.replace(variant="search_2", schedule=schedule)
    observations.take(RunsAdded(numbered([search], first=9)))
    view.begin(observations)
    assert rule(view) == f"Plateaus after epochs 6. {told}"


def test_the_legend_hides_a_row_and_shows_it_again(view: ScheduleTable) -> None:
    observations = two_of_each()
    shown(view, observations)
    table = find(view, QTableWidget, "comparison_table")
    view.show_variant("adam", False)
    assert [table.isRowHidden(row) for row in range(2)] == [False, True]
    view.show_variant("adam", True)
    assert [table.isRowHidden(row) for row in range(2)] == [False, False]


def test_a_row_can_be_hidden_as_soon_as_the_plan_is_made(view: ScheduleTable) -> None:
    view.begin(two_of_each())
    view.show_variant("adam", False)
    assert find(view, QTableWidget, "comparison_table").isRowHidden(1)


def test_a_new_plan_shows_every_row(view: ScheduleTable) -> None:
    observations = two_of_each()
    shown(view, observations)
    view.show_variant("adam", False)
    view.begin(two_of_each())
    assert not find(view, QTableWidget, "comparison_table").isRowHidden(1)
