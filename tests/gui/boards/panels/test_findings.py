"""Findings in the curves."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QStackedWidget, QTabBar
from pytestqt.qtbot import QtBot

from engine.analysis.diagnosis import FindingKind
from engine.analysis.diagnosis.rules import MIN_RECORDS
from engine.events.runs import Intervention, InterventionKind, Status
from engine.events.tasks import Event
from engine.experiments.learning_rate import LEARNING_RATE_EXPERIMENT
from gui.boards.architectures import architectures_board
from gui.boards.panels.findings import MIN_HEIGHT, RUNS_PER_PASS, FindingsToggle
from gui.boards.panels.layers_page import LayersPage
from gui.boards.panels.pages import Pages
from gui.boards.training_board import TrainingBoard
from gui.observations.diagnosis import MAX_RECORDS, observed_curves
from gui.observations.experiment import Observations
from gui.plots.curves.curve_plot import CurvePlot
from tests.engine.support import INFO, finished, record, started
from tests.gui.support import PATIENCE_MS, begun, find, observed, started_experiment

GUESSING = math.log(10)


def noted(run: int, number: int, loss: float) -> Event:
    return record(run, 10 * number, training_loss=loss, validation_loss=loss, dead_units=(0,))


def healthy(run: int, records: int = 40) -> list[Event]:
    losses = 0.1 + 2.2 * np.exp(-np.arange(records) / 8)
    return [started(run), *(noted(run, n, float(loss)) for n, loss in enumerate(losses, 1))]


def stuck(run: int, records: int = 40) -> list[Event]:
    return [started(run), *(noted(run, n, GUESSING) for n in range(1, records + 1))]


@pytest.fixture
def findings(qtbot: QtBot) -> FindingsToggle:
    made = FindingsToggle()
    qtbot.addWidget(made)
    qtbot.addWidget(made.list)
    made.resize(2000, 30)
    return made


def shown(findings: FindingsToggle, observations: Observations) -> list[tuple[FindingKind, str, tuple[int, ...]]]:
    findings.refresh(observations)
    return [(each.finding.kind, each.finding.variant, each.repeats) for each in findings.shown]


def rows(findings: FindingsToggle) -> list[str]:
    return [findings.list.item(row).text() for row in range(findings.list.count())]


def test_runs_that_learn_have_no_findings(findings: FindingsToggle) -> None:
    observations = observed(*healthy(1))
    findings.begin(observations)
    assert shown(findings, observations) == []
    assert findings.text() == "What the curves say: nothing alarming so far"


def test_a_finding_shows_numbers_and_advice(findings: FindingsToggle) -> None:
    observations = observed(*healthy(1), *stuck(2), architectures=["mlp_1", "mlp_2"])
    findings.begin(observations)
    assert shown(findings, observations) == [(FindingKind.CHANCE_PLATEAU, "mlp_2", (1,))]
    assert findings.text().startswith("What the curves say (1): mlp_2: the training loss has stood at 2.303 from the ")
    (row,) = rows(findings)
    assert "ln(10) = 2.303" in row
    assert "larger learning rate" in row


def test_a_finding_appears_with_enough_records_and_disappears_when_the_run_recovers(findings: FindingsToggle) -> None:
    observations = observed(*stuck(1, MIN_RECORDS - 1))
    findings.begin(observations)
    assert shown(findings, observations) == []
    observations.take(noted(1, MIN_RECORDS, GUESSING))
    assert [kind for kind, *_ in shown(findings, observations)] == [FindingKind.CHANCE_PLATEAU]
    for number in range(MIN_RECORDS + 1, 3 * MIN_RECORDS):
        observations.take(noted(1, number, 0.5))
    assert shown(findings, observations) == []


def test_the_text_stays_for_few_new_records_and_is_updated_at_the_end_of_a_run(findings: FindingsToggle) -> None:
    observations = observed(*stuck(1, 100))
    findings.begin(observations)
    shown(findings, observations)
    observations.take(noted(1, 101, math.nan))
    assert [kind for kind, *_ in shown(findings, observations)] == [FindingKind.CHANCE_PLATEAU]
    observations.take(finished(1, Status.DIVERGED, test_accuracy=None))
    assert [kind for kind, *_ in shown(findings, observations)] == [FindingKind.DIVERGING]


def test_equal_findings_are_grouped_and_many_runs_are_diagnosed_in_passes(
    qtbot: QtBot, findings: FindingsToggle
) -> None:
    count = 2 * RUNS_PER_PASS + 1
    observations = observed(*(event for run in range(1, count + 1) for event in stuck(run)), repeats=count)
    findings.begin(observations)
    assert shown(findings, observations) == [(FindingKind.CHANCE_PLATEAU, "mlp_1", (1, 2, 3, 4))]
    qtbot.waitUntil(lambda: len(findings.shown[0].repeats) == count, timeout=PATIENCE_MS)
    assert f"(The same in {count - 1} more runs.)" in rows(findings)[0]
    assert findings.list.item(0).toolTip().endswith(f"{count} runs: 1, 2, 3, 4, 5, 6, 7, 8, 9")


def test_probes_may_diverge(findings: FindingsToggle) -> None:
    observations = begun(LEARNING_RATE_EXPERIMENT, repeats=1)
    assert observations.runs[1].planned.spec.probe
    for event in (*stuck(1), noted(1, 41, math.nan)):
        observations.take(event)
    findings.begin(observations)
    assert shown(findings, observations) == []


def test_a_new_plan_clears_the_findings(findings: FindingsToggle) -> None:
    observations = observed(*stuck(1))
    findings.begin(observations)
    assert len(shown(findings, observations)) == 1
    findings.begin(observations)
    assert len(findings.shown) == 1, "of a plan that only grew, what was found stays"
    findings.begin(observed())
    assert findings.shown == []
    assert rows(findings) == []


def test_warnings_of_the_data_set_come_after_the_findings(findings: FindingsToggle) -> None:
    info = replace(INFO, warnings=("All images are alike.", "Seven are broken."))
    for events, first in ((healthy(1), []), (stuck(1), ["mlp_1: the training loss has stood"])):
        observations = Observations()
        for event in (replace(started_experiment(), info=info), *events):
            observations.take(event)
        findings.begin(observations)
        shown(findings, observations)
        assert findings.text().endswith(" · data set: 2 warnings")
        assert findings.isEnabled()
        *of_runs, one, two = rows(findings)
        assert [text[: len(start)] for text, start in zip(of_runs, first, strict=True)] == first
        assert (one, two) == ("Data set: All images are alike.", "Data set: Seven are broken.")
    highlighted: list[str | None] = []
    findings.highlighted.connect(highlighted.append)
    findings.list.itemClicked.emit(findings.list.item(2))
    assert highlighted == [None], "a warning concerns no variant"


def test_a_test_in_which_all_are_taken_for_one_class_is_found(findings: FindingsToggle) -> None:
    confusion = np.zeros((10, 10), np.int64)
    confusion[:, 3] = 36
    observations = observed(*healthy(1))
    findings.begin(observations)
    assert shown(findings, observations) == []
    observations.take(finished(1, confusion=confusion, test_accuracy=0.1))
    assert shown(findings, observations) == [(FindingKind.ONE_CLASS, "mlp_1", (1,))]
    assert "was taken for '3'" in rows(findings)[0]


def test_a_rate_set_by_hand_is_the_cause_while_training(findings: FindingsToggle) -> None:
    observations = observed(*healthy(1, 60))
    observations.take(Intervention(1, 600, 1.0, InterventionKind.LEARNING_RATE, 0.5))
    for number in range(61, 100):
        observations.take(record(1, 10 * number, training_loss=0.05, validation_loss=0.6, dead_units=(0,)))
    findings.begin(observations)
    assert [kind for kind, *_ in shown(findings, observations)] == [FindingKind.RATE_BY_HAND]
    assert "since the learning rate was set to 0.5 by hand after step 600" in rows(findings)[0]


def test_without_findings_the_list_cannot_be_expanded(findings: FindingsToggle) -> None:
    findings.click()
    assert findings.list.isHidden()
    assert not findings.isEnabled()


def test_a_list_that_becomes_empty_is_collapsed_until_there_are_findings(findings: FindingsToggle) -> None:
    alarming, calm = observed(*stuck(1)), observed(*healthy(1))
    seen = []
    for observations in (alarming, calm, alarming):
        findings.begin(observations)
        shown(findings, observations)
        if not seen:
            findings.click()
        seen.append((findings.isEnabled(), not findings.list.isHidden()))
    assert seen == [(True, True), (False, False), (True, True)]


def test_pressing_the_headline_expands_the_list(findings: FindingsToggle) -> None:
    observations = observed(*stuck(1))
    findings.begin(observations)
    shown(findings, observations)
    assert findings.list.isHidden()
    findings.click()
    assert not findings.list.isHidden()
    assert findings.arrowType() == Qt.ArrowType.DownArrow
    findings.click()
    assert findings.list.isHidden()


def test_the_headline_is_elided_and_never_widens_its_layout(findings: FindingsToggle) -> None:
    observations = observed(*stuck(1))
    findings.begin(observations)
    before = findings.sizeHint()
    shown(findings, observations)
    assert findings.sizeHint() == before
    findings.show()
    findings.resize(200, 30)
    assert findings.text().endswith("…")
    assert findings.fontMetrics().horizontalAdvance(findings.text()) < 200


# On a board


@pytest.fixture
def board(qtbot: QtBot) -> TrainingBoard:
    made = architectures_board()
    qtbot.addWidget(made)
    observations = observed(*healthy(1), *stuck(2), architectures=["mlp_1", "mlp_2"])
    for view in made.views():
        view.begin(observations)
    for view in made.views():
        view.refresh(observations)
    return made


def test_a_selected_finding_selects_its_variant_on_every_page(board: TrainingBoard, qtbot: QtBot) -> None:
    said: list[Any] = []
    findings = find(board, FindingsToggle, "findings_toggle")
    findings.highlighted.connect(said.append)
    findings.click()
    findings.list.setCurrentRow(0)
    qtbot.keyClick(findings.list, Qt.Key.Key_Return)
    assert said == ["mlp_2"]
    assert find(board, QComboBox, "layers_variant").currentText() == "mlp_2"
    assert find(board, QComboBox, "tested_variant").currentText() == "mlp_2"
    assert opacity(board, "mlp_1") < opacity(board, "mlp_2") == 1
    findings.click()
    assert said == ["mlp_2", None]
    assert opacity(board, "mlp_1") == 1


@pytest.mark.parametrize("stuck_runs", [1, 12])
def test_the_list_is_as_high_as_it_must_and_a_third_of_the_plots_at_most(qtbot: QtBot, stuck_runs: int) -> None:
    made = architectures_board()
    qtbot.addWidget(made)
    networks = [f"net_{number}[FC-{number}, ReLU]" for number in range(1, stuck_runs + 1)]
    observations = observed(
        *(event for run in range(1, stuck_runs + 1) for event in stuck(run)), architectures=networks
    )
    made.resize(900, 900)
    made.show()
    findings = find(made, FindingsToggle, "findings_toggle")
    findings.begin(observations)
    findings.refresh(observations)
    qtbot.waitUntil(lambda: len(findings.shown) == stuck_runs, timeout=PATIENCE_MS)
    findings.click()
    qtbot.waitUntil(lambda: findings.list.height() > MIN_HEIGHT, timeout=PATIENCE_MS)
    page = find(made, Pages, "").findChild(QStackedWidget)
    scrolls = findings.list.verticalScrollBar().maximum() > 0
    assert scrolls is (stuck_runs > 1)
    assert findings.list.height() <= page.height() / 3 + 1
    last = findings.list.visualItemRect(findings.list.item(stuck_runs - 1)).bottom()
    assert scrolls or findings.list.height() - last < 10, "no white below the words"


def opacity(board: TrainingBoard, variant: str) -> float:
    curve = find(board, CurvePlot, "training_loss").curves[variant][0]
    return float(curve.items[0].opacity())


def test_only_the_visible_page_is_drawn_and_a_page_is_drawn_when_selected(board: TrainingBoard) -> None:
    page = find(board, LayersPage, "layers_page")
    layers = page.plots[0]
    assert layers.names == ()
    bar = find(board, QTabBar, "pages")
    assert [bar.tabText(place) for place in range(bar.count())] == ["Curves", "Layers", "Test"]
    bar.setCurrentIndex(1)
    assert layers.names == ("dense_1", "prediction")
    assert not page.isHidden()
    loss = find(board, CurvePlot, "training_loss")
    observations = observed(*healthy(1), noted(1, 41, 0.1), architectures=["mlp_1", "mlp_2"])
    for view in board.views():
        view.begin(observations)
    for view in board.views():
        view.refresh(observations)
    assert len(layers.line("dense_1").data[0]) == 41
    assert len(loss.curve_data("mlp_1", "training_loss")[0]) == 0, "out of sight"
    bar.setCurrentIndex(0)
    assert len(loss.curve_data("mlp_1", "training_loss")[0]) == 41


def test_a_board_has_no_more_views_to_draw_than_its_fullest_page(board: TrainingBoard) -> None:
    """Each view takes a tick of the timer: hidden pages must not delay the visible one."""
    assert len(board.views()) == len(board.plots) + 4


# A run as input of the rules


def test_a_long_run_is_thinned_and_ends_with_its_last_record() -> None:
    count = MAX_RECORDS + 7
    observations = observed(started(), *(noted(1, n, float(n)) for n in range(1, count + 1)))
    curves = observed_curves(observations.runs[1])
    assert len(curves.steps) <= MAX_RECORDS
    assert curves.steps[-1] == 10 * count
    assert curves.training_loss[-1] == count
    assert curves.gradient_norms.shape == (MIN_RECORDS, 2)
    assert curves.dead_units.shape == (MIN_RECORDS, 1)


def test_a_run_that_has_not_begun_can_be_read() -> None:
    curves = observed_curves(observed().runs[1])
    assert len(curves.steps) == 0
    assert curves.layers == ()
