"""gui.watch.tab: which experiment is shown, what is said of folders, and what can be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from engine.events.experiments import RunsAdded
from engine.events.runs import PlannedRun, Status
from engine.events.watching import FolderLeft, FoundRun, Grouping, WatchedEvent, WatchedExperiment
from gui.boards.panels.run_table import RunTable
from gui.plots.curves.curve_plot import CurvePlot
from gui.watch.folder_list import FolderList
from gui.watch.tab import ACTIONS, WatchTab
from gui.widgets.elided_label import ElidedLabel
from gui.widgets.start_page import StartPage
from tests.gui.history_support import press, until
from tests.gui.support import EVERY_ACTION, LEFT_TO_MOVE, find, taken_as_copy
from tests.gui.watch_support import FOLDER, LOG, begins, ends, folder_of, logged, takes, trains
from tests.logged import store_logged

OWN = WatchedExperiment(1, "three networks", running=2)


def shown_steps(tab: WatchTab, variant: str) -> int:
    """Return the number of points of a curve as drawn; 0 before the plot knows the variant."""
    try:
        steps, _values = find(tab, CurvePlot, "logged_loss").curve_data(variant, "training_loss")
    except KeyError:
        return 0
    return len(steps)


def texts(tab: WatchTab) -> list[str]:
    """Return the rows of the list."""
    rows = find(tab, FolderList, "watch_list")
    found = []
    for position in range(rows.topLevelItemCount()):
        folder = rows.topLevelItem(position)
        found += [folder.text(0), *(folder.child(child).text(0) for child in range(folder.childCount()))]
    return found


def choose(tab: WatchTab, row: str) -> None:
    """Choose a row of the list as by a click."""
    rows = find(tab, FolderList, "watch_list")
    flags = Qt.MatchFlag.MatchContains | Qt.MatchFlag.MatchRecursive
    (item,) = rows.findItems(row, flags)
    QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=rows.visualItemRect(item).center())


def test_an_empty_page_invites_and_its_buttons_ask_what_to_watch(qtbot: QtBot, tab: WatchTab) -> None:
    page = find(tab, StartPage, "start_page")
    assert page.isVisible()
    asked: list[str] = []
    tab.watch_requested.connect(asked.append)
    find(page, QPushButton, "start_button").click()
    press(tab, "watch_begin")
    assert asked == ["", ""]
    assert not any(find(tab, QToolButton, name).isEnabled() for name in ACTIONS)


def test_an_experiment_is_shown_as_it_begins_and_drawn_while_it_trains(qtbot: QtBot, tab: WatchTab) -> None:
    takes(tab, begins(1, logged(1), logged(2, "other")), trains(1, [1, 2]), folder_of(OWN))
    until(qtbot, lambda: shown_steps(tab, "net") == 10)
    assert tab.folder_list.number == 1
    takes(tab, trains(1, [1], 11, 30))
    until(qtbot, lambda: shown_steps(tab, "net") == 30)
    assert shown_steps(tab, "other") == 10
    takes(tab, WatchedEvent(1, RunsAdded((logged(3, repeat=2),))), trains(1, [3]))
    until(qtbot, lambda: find(tab, RunTable, "runs").model().rowCount() == 3)
    takes(tab, ends(1, [1, 2, 3]))
    until(qtbot, lambda: "3 of 3 runs finished" in find(tab, QLabel, "watch_status").text())


def test_two_experiments_are_kept_up_to_date_and_shown_by_choice(qtbot: QtBot, tab: WatchTab) -> None:
    takes(tab, begins(1, logged(1)), begins(2, logged(2, "second")))
    takes(tab, folder_of(OWN, WatchedExperiment(2, "rates", running=1)))
    takes(tab, trains(1, [1], last=20), trains(2, [2]))
    until(qtbot, lambda: shown_steps(tab, "second") == 10)
    assert tab.folder_list.number == 2, "the one that began last"
    choose(tab, "three networks")
    until(qtbot, lambda: shown_steps(tab, "net") == 20)
    takes(tab, begins(3, logged(3, "third")), trains(3, [3]), trains(1, [1], 21, 25))
    until(qtbot, lambda: shown_steps(tab, "net") == 25)
    assert tab.folder_list.number == 1, "the user chose it"
    takes(tab, folder_of(OWN, WatchedExperiment(2, "rates"), WatchedExperiment(3, "last", running=1)))
    choose(tab, "last")
    takes(tab, begins(4, logged(4, "fourth")), trains(4, [4]))
    until(qtbot, lambda: shown_steps(tab, "fourth") == 10)


def test_nothing_is_drawn_while_the_tab_is_hidden_and_all_of_it_afterwards(qtbot: QtBot, tab: WatchTab) -> None:
    takes(tab, begins(1, logged(1)), trains(1, [1]), folder_of(OWN))
    until(qtbot, lambda: shown_steps(tab, "net") == 10)
    tab.hide()
    takes(tab, trains(1, [1], 11, 30), begins(2, logged(2, "second")), trains(2, [2]))
    QApplication.processEvents()
    assert shown_steps(tab, "net") == 10
    tab.show()
    until(qtbot, lambda: shown_steps(tab, "second") == 10)


def test_one_that_had_ended_is_read_from_the_store(qtbot: QtBot, tab: WatchTab, workspace: Path) -> None:
    number = store_logged(workspace)
    takes(tab, folder_of(reading=True))
    assert "is being read" in find(tab, QLabel, "watch_state").text()
    takes(tab, folder_of(WatchedExperiment(number, "mine", ended=((Status.FINISHED, 2),))))
    until(qtbot, lambda: tab.view.is_painted)
    assert shown_steps(tab, "net") > 0
    assert "2 of 2 runs finished" in find(tab, QLabel, "watch_status").text()


def test_one_that_is_not_in_the_store_says_so(qtbot: QtBot, tab: WatchTab) -> None:
    with qtbot.waitSignal(tab.failed) as failed:
        takes(tab, folder_of(WatchedExperiment(7, "gone", ended=((Status.FINISHED, 2),))))
    assert failed.args is not None
    assert find(tab, QLabel, "watch_state").text() == failed.args[0]


def test_rows_tell_the_state_of_folders_and_runs(qtbot: QtBot, tab: WatchTab) -> None:
    takes(tab, folder_of(reading=True))
    assert texts(tab) == [f"{FOLDER}\nreading what is there …"]
    takes(tab, folder_of())
    assert "Nothing has been logged" in find(tab, QLabel, "watch_state").text()
    problems = ("one.jsonl can't be read.", "two.csv can't be read.")
    mixed = WatchedExperiment(2, "rates", ended=((Status.FINISHED, 4), (Status.INTERRUPTED, 1)))
    takes(tab, begins(1, logged(1)), folder_of(OWN, mixed, problems=problems))
    assert texts(tab) == [
        f"{FOLDER}\n2 problems",
        "rates\n4 finished, 1 interrupted",
        "● three networks\n2 running",
    ]
    assert find(tab, ElidedLabel, "watch_problems").text() == f"2 problems: {' '.join(problems)}"
    takes(tab, folder_of(mixed))
    assert texts(tab) == [FOLDER, "rates\n4 finished, 1 interrupted"]
    assert not find(tab, ElidedLabel, "watch_problems").isVisible()


def test_a_folder_that_is_left_takes_its_experiments_along(qtbot: QtBot, tab: WatchTab) -> None:
    left: list[str] = []
    active: list[bool] = []
    tab.leave_requested.connect(left.append)
    tab.activity_changed.connect(active.append)
    takes(tab, begins(1, logged(1)), folder_of(OWN))
    press(tab, "watch_stop")
    assert left == [FOLDER]
    with qtbot.waitSignal(tab.failed) as failed:
        takes(tab, FolderLeft(FOLDER, "The folder is gone."))
    assert failed.args == ["The folder is gone."]
    assert texts(tab) == []
    assert find(tab, StartPage, "start_page").isVisible()
    assert active == [True, False]


def test_what_is_asked_for_concerns_the_experiment_shown(qtbot: QtBot, tab: WatchTab) -> None:
    asked: list[object] = []
    for signal in (tab.export_requested, tab.report_requested, tab.folder_requested):
        signal.connect(asked.append)
    tab.compare_requested.connect(lambda *words: asked.append(words))
    tab.regroup_requested.connect(lambda *words: asked.append(words))
    takes(tab, begins(1, logged(1), logged(2, "other", 3)), folder_of(OWN))
    for name in ("watch_export", "watch_report", "watch_open_folder", "watch_compare", "watch_group"):
        press(tab, name)
    runs = (
        FoundRun("own/net-1.jsonl", LOG, Grouping("three networks", "net", 1)),
        FoundRun("own/other-3.jsonl", LOG, Grouping("three networks", "other", 3)),
    )
    assert asked == [1, (1,), FOLDER, (1, ("net", "other")), (1, runs)]


def test_of_a_log_that_was_overwritten_the_newest_training_is_grouped(qtbot: QtBot, tab: WatchTab) -> None:
    former = logged(1)
    newest = PlannedRun(2, former.spec.model_copy(update={"repeat": 2}), 0, former.total_steps)
    takes(tab, begins(1, former, newest), folder_of(OWN))
    asked: list[tuple[object, ...]] = []
    tab.regroup_requested.connect(lambda *words: asked.append(words))
    press(tab, "watch_group")
    assert asked == [(1, (FoundRun("own/net-1.jsonl", LOG, Grouping("three networks", "net", 2)),))]


def test_a_folder_asked_for_comes_to_the_front(qtbot: QtBot, tab: WatchTab) -> None:
    other = "/elsewhere"
    takes(tab, begins(1, logged(1)), folder_of(OWN))
    choose(tab, "three networks")
    tab.show_folder(other)
    takes(tab, folder_of(folder=other, reading=True))
    assert tab.folder_list.folder == other
    takes(tab, begins(2, logged(2)), folder_of(WatchedExperiment(2, "new", running=1), folder=other))
    assert tab.folder_list.number == 2


def test_an_experiment_that_ended_goes_on(qtbot: QtBot, tab: WatchTab) -> None:
    active: list[bool] = []
    tab.activity_changed.connect(active.append)
    takes(tab, begins(1, logged(1)), trains(1, [1]), ends(1, [1], Status.INTERRUPTED))
    takes(tab, begins(1, logged(1)), trains(1, [1], last=15))
    until(qtbot, lambda: shown_steps(tab, "net") == 15)
    takes(tab, ends(1, [1]))
    assert active == [True, False, True, False]


@pytest.mark.parametrize("name", ["logs", "part3_q.json"])
def test_what_is_dropped_is_asked_about(qtbot: QtBot, tab: WatchTab, tmp_path: Path, name: str) -> None:
    asked: list[str] = []
    tab.watch_requested.connect(asked.append)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / name))])
    for kind in (QDragEnterEvent, QDropEvent):
        event = kind(QPoint(9, 9), EVERY_ACTION, data, *LEFT_TO_MOVE)
        QApplication.sendEvent(tab, event)
        assert taken_as_copy(event)
    assert asked == [str(tmp_path / name)]
