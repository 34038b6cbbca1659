"""Comparisons of stored experiments: merged curves, accuracies and settings."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QInputDialog,
    QLabel,
    QTabWidget,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from engine.analysis.styles import distinct_styles
from engine.events.runs import Status
from engine.workspace.catalogue import Catalogue
from gui.boards.training_board import MIN_PLOT_LINES
from gui.history.compare_tab import comparison_board, side_by_side
from gui.observations.stored import Stored, merge_experiments, read_experiment
from gui.plots.accuracy_points import AccuracyPoints
from gui.plots.curves.curve_plot import CurvePlot
from gui.window.main_window import MainWindow
from tests.gui.history.support import compared, front, table_of
from tests.gui.history_support import entry_of, look_at_history, open_tabs, press, until
from tests.gui.support import find


def test_a_comparison_with_one_that_is_gone_says_so(qtbot: QtBot, window: MainWindow, workspace: Path) -> None:
    history = look_at_history(qtbot, window, 3)
    with closing(Catalogue(workspace)) as catalogue:
        catalogue.delete([1])
        catalogue.purge([1])
    for number in (1, 2):
        history.table.entries.tick(number, True)
    press(history, "compare")
    tab = front(window)
    until(qtbot, lambda: "no experiment 1" in find(tab, QLabel, "opened_state").text())
    history.experiment_actions.open_requested.emit(3)
    until(qtbot, lambda: front(window).is_drawn)
    assert "no experiment 1" in find(tab, QLabel, "opened_state").text()


def test_a_comparison_lays_all_variants_over_each_other(qtbot: QtBot, window: MainWindow) -> None:
    tab = compared(qtbot, window, 1, 2)
    plot = find(tab, CurvePlot, "validation_accuracy")
    for name, length in (("#1 mlp_1", 5), ("#2 mlp_1", 3), ("#2 mlp_2", 3)):
        assert len(plot.curve_data(name, "validation_accuracy")[0]) == length
        assert len(find(tab, CurvePlot, "training_loss").curve_data(name, "training_loss")[0]) == length
        assert len(find(tab, CurvePlot, "gradient_norm").curve_data(name, "gradient_norm")[0]) == length
    points = find(tab, AccuracyPoints, "accuracy_points")
    assert points.points("#1 mlp_1").tolist() == [50, 62.5]
    assert points.points("#2 mlp_2").tolist() == [87.5, 87.5]
    assert table_of(tab, "accuracies") == [
        ["1  #1 mlp_1", "2", "56.25 ± 8.84 %", "62.50 %"],
        ["2  #2 mlp_1", "2", "87.50 ± 0.00 %", "87.50 %"],
        ["3  #2 mlp_2", "2", "87.50 ± 0.00 %", "87.50 %"],
    ]


def test_settings_stand_side_by_side_with_differences_marked(qtbot: QtBot, window: MainWindow) -> None:
    tab = compared(qtbot, window, 1, 2)
    rows = table_of(tab, "compared_settings")
    assert ["≠ Epochs", "9", "2"] in rows
    assert ["Data set", "digits", "digits"] in rows
    find(tab, QCheckBox, "only_differences").click()
    assert table_of(tab, "compared_settings") == [
        ["≠ Architectures", "mlp_1", "mlp_1, mlp_2"],
        ["≠ Epochs", "9", "2"],
    ]
    find(tab, QCheckBox, "only_differences").click()
    assert table_of(tab, "compared_settings") == rows


def test_settings_that_only_one_has_differ(workspace: Path, varied: None) -> None:
    entries = [entry_of(workspace, number) for number in (1, 3)]
    rows = {label: (values, differs) for label, values, differs in side_by_side(entries)}
    assert rows["Experiment"] == (("Architectures", "Schedule"), True)
    assert rows["Architectures"] == (("mlp_1", "–"), True)


def test_one_can_be_taken_out_of_a_comparison_with_a_click(qtbot: QtBot, window: MainWindow, workspace: Path) -> None:
    with closing(Catalogue(workspace)) as catalogue:
        catalogue.rename(1, "A title that is far too long for a button")
    tab = compared(qtbot, window, 1, 2, 3)
    assert [b.text() for b in tab.findChildren(QAbstractButton) if b.objectName().startswith("take_out")] == [
        *("#1 A title that …  ✕", "#2 Architectures  ✕", "#3 Schedule  ✕")
    ]
    find(tab, QToolButton, "take_out_3").click()
    until(qtbot, lambda: tab.is_painted)
    assert [row[0] for row in table_of(tab, "accuracies")] == ["1  #1 mlp_1", "2  #2 mlp_1", "3  #2 mlp_2"]
    assert tab.key == "1+2"
    tabs = find(window, QTabWidget, "tabs")
    assert tabs.tabText(tabs.currentIndex()) == "Compare #1, #2"
    find(tab, QToolButton, "take_out_1").click()
    assert open_tabs(window) == [], "one alone is no comparison"


def test_no_two_variants_of_a_comparison_look_alike() -> None:
    looks = distinct_styles()
    assert len({(style.hex, style.dashes) for style in looks}) == len(looks) == 42
    assert [style.pattern for style in looks[:7]] == [0] * 6 + [1]


def read(workspace: Path, number: int) -> Stored:
    entry, *said, stored = read_experiment(number)(workspace)
    count = len(stored.observations.runs)
    assert stored.entry == entry
    assert said == [f"{read} of {count} runs read" for read in range(1, count + 1)]
    return stored


def test_probes_are_left_out_and_runs_renamed(workspace: Path, varied: None) -> None:
    together = merge_experiments(-1, [read(workspace, number) for number in (2, 3)])
    assert list(together.variants)[:2] == ["#2 mlp_1", "#2 mlp_2"]
    assert not [name for name in together.variants if "search" in name]
    assert {run.planned.spec.variant for run in together.runs.values()} == set(together.variants)


def test_too_many_variants_are_said(workspace: Path, varied: None) -> None:
    stored = read(workspace, 2)
    variants = stored.observations.variants
    many = {f"net_{number}": replace(variants["mlp_1"], name=f"net_{number}") for number in range(43)}
    stored.observations.variants = many
    with pytest.raises(Exception, match="43 curves can't be told apart, 42 can"):
        merge_experiments(-1, [stored])


def test_a_comparison_is_read_again_when_one_of_its_experiments_went_on(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    tab = compared(qtbot, window, 1, 2)
    monkeypatch.setattr(QInputDialog, "getInt", lambda *_arguments: (1, True))
    history = look_at_history(qtbot, window, 3)
    history.table.choose([1])
    with qtbot.waitSignal(window.training_ended):
        press(history, "add_repeats")
    find(window, QTabWidget, "tabs").setCurrentWidget(tab)
    until(qtbot, lambda: tab.is_painted and table_of(tab, "accuracies")[0][1] == "3")
    assert entry_of(workspace, 1).stored.status is Status.FINISHED


def test_plots_stay_high_enough_to_be_read_where_there_is_little_room(qtbot: QtBot) -> None:
    board = comparison_board()
    qtbot.addWidget(board)
    board.resize(900, 300)
    board.show()
    qtbot.waitExposed(board)
    plots = board.findChildren(CurvePlot)
    assert plots
    assert board.height() == 300, "it scrolls instead of growing"
    assert all(plot.height() >= MIN_PLOT_LINES * board.fontMetrics().lineSpacing() for plot in plots)
