"""Commands to a running experiment from the window, and their effect on store and display."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QInputDialog, QLabel, QToolButton
from pytestqt.qtbot import QtBot

from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.runs import Status
from engine.events.tasks import Emit
from engine.executors.tasks import TrainTask
from engine.storage.rows import StoredRun
from engine.storage.store import Store
from gui.boards.panels.run_table import RunTable
from gui.experiment.experiment_tab import ExperimentTab
from gui.widgets.message_bar import MessageBar
from gui.widgets.spin_boxes import RateBox
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor, finished, record, started
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import entry_of
from tests.gui.support import PATIENCE_MS, ObedientExecutor, find, tab_of


class Bench:
    """A window whose first run has a record, with helpers to press buttons and read the display."""

    def __init__(self, qtbot: QtBot, window: MainWindow, workspace: Path, experiment: str = "architectures") -> None:
        self.qtbot, self.window, self.workspace = qtbot, window, workspace
        self.tab: ExperimentTab = tab_of(window, experiment)

    def press(self, name: str) -> None:
        button = self.button(name)
        assert button.isEnabled(), f"{name} can't be pressed"
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self.window.activateWindow()
        self.qtbot.keyClick(self.window, key, modifier)

    def button(self, name: str) -> QAbstractButton:
        return find(self.tab, QAbstractButton, name)

    def wait(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=PATIENCE_MS)

    def begin(self) -> None:
        self.press("run")
        self.wait(lambda: any(run.last for run in self.tab.observations.runs.values()))

    def end(self) -> None:
        with self.qtbot.waitSignal(self.window.training_ended, timeout=PATIENCE_MS):
            self.press("cancel")

    def steps(self, run: int = 1) -> list[float]:
        return list(self.tab.observations.runs[run].steps)

    def stored(self, run: int = 1) -> StoredRun:
        with closing(Store(self.workspace)) as store:
            return store.run(run)

    def labels(self, run: int = 1) -> list[str]:
        with closing(Store(self.workspace)) as store:
            return [each.label for each in store.interventions(run)]


CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def experiment() -> str:
    """The current tab."""
    return "architectures"


@pytest.fixture
def bench(qtbot: QtBot, make_window: MakeWindow, workspace: Path, experiment: str) -> Bench:
    window = make_window(ObedientExecutor())
    made = Bench(qtbot, window, workspace, experiment)
    made.begin()
    return made


def test_pause_holds_and_resume_goes_on(bench: Bench) -> None:
    bench.press("pause")
    bench.wait(lambda: bench.button("pause").text() == "Resume")
    assert bench.stored().status is Status.PAUSED
    assert bench.tab.observations.runs[1].status is Status.PAUSED
    bench.press("pause")
    bench.wait(lambda: bench.button("pause").text() == "Pause")
    assert bench.stored().status is Status.RUNNING
    assert bench.labels() == ["paused", "resumed"]
    bench.end()


def test_step_makes_one_record_and_holds(bench: Bench) -> None:
    bench.press("step")
    bench.wait(lambda: bench.button("pause").text() == "Resume")
    assert bench.steps() == [10], "held at the next record"
    for count in (2, 3):
        bench.press("step")
        bench.wait(lambda count=count: len(bench.steps()) == count)
    assert bench.steps() == [10, 20, 30]
    assert bench.button("pause").text() == "Resume", "it stays held"
    bench.end()
    with closing(Store(bench.workspace)) as store:
        assert [each.step for each in store.records(1)] == [10, 20, 30]


def test_a_new_learning_rate_is_noted_and_seen_in_the_records(bench: Bench) -> None:
    box = find(bench.tab, RateBox, "rate_now")
    box.setValue(0.125)
    bench.press("set_rate")
    bench.wait(lambda: bool(bench.tab.observations.runs[1].interventions))
    bench.press("step")
    bench.press("step")
    bench.wait(lambda: len(bench.steps()) == 2)
    assert bench.tab.observations.runs[1].curves["learning_rate"][-1] == 0.125
    assert bench.labels()[0] == "rate 0.125"
    bench.end()


def test_skip_leaves_out_the_run_under_way_and_begins_the_next(bench: Bench) -> None:
    bench.press("skip")
    bench.wait(lambda: 2 in bench.tab.observations.runs and bool(bench.steps(2)))
    assert bench.stored().status is Status.SKIPPED
    with closing(Store(bench.workspace)) as store:
        assert len(store.records(1)) == 1, "its records are kept"
    bench.end()


@pytest.mark.parametrize(
    "experiment",
    [
        "architectures",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("activations", "learning-rate")),
        "schedule",
    ],
)
def test_every_command_has_a_key_in_every_tab_that_trains(bench: Bench) -> None:
    bench.key(Qt.Key.Key_F6)
    bench.wait(lambda: bench.button("pause").text() == "Resume")
    bench.key(Qt.Key.Key_F10)
    bench.wait(lambda: len(bench.steps()) == 2)
    bench.key(Qt.Key.Key_F6)
    bench.wait(lambda: bench.button("pause").text() == "Pause")
    bench.key(Qt.Key.Key_F8)
    bench.wait(lambda: bench.stored().status is Status.SKIPPED)
    with bench.qtbot.waitSignal(bench.window.training_ended, timeout=PATIENCE_MS):
        bench.key(Qt.Key.Key_F5, CONTROL | SHIFT)
    with closing(Store(bench.workspace)) as store:
        assert store.experiment(1).status is Status.CANCELLED


class StubbornExecutor(ObedientExecutor):
    """An executor whose first run ignores all commands until the second cancel."""

    asked = 0

    def _train(self, task: TrainTask, emit: Emit, control: ControlChannel) -> Control:
        for event in (started(task.run), record(task.run)):
            emit(event)
        while self.asked < 2:
            self.asked += control.poll(wait=True) is Control.CANCEL
        emit(task.failed(Status.CANCELLED, "It did not answer, so its process was ended."))
        return Control.CANCEL


def test_what_does_not_obey_is_ended_by_pressing_cancel_again(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    executor = StubbornExecutor()
    bench = Bench(qtbot, make_window(executor), workspace)
    bench.begin()
    bench.press("cancel")
    bench.wait(lambda: executor.asked == 1)
    status = find(bench.tab, QLabel, "status")
    assert status.text() == "Cancelling …"
    with qtbot.waitSignal(bench.window.training_ended, timeout=PATIENCE_MS):
        bench.press("cancel")
        assert status.text() == "Ending what doesn't obey …"
    assert bench.stored().status is Status.CANCELLED


def test_stop_keeps_and_tests(bench: Bench) -> None:
    with bench.qtbot.waitSignal(bench.window.training_ended, timeout=PATIENCE_MS):
        bench.key(Qt.Key.Key_F5, SHIFT)
    assert bench.stored().status is Status.STOPPED
    assert bench.stored().test_accuracy == 0.5


def test_a_run_chosen_in_the_table_is_the_one_that_is_skipped(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    bench = Bench(qtbot, make_window(ObedientExecutor()), workspace)
    bench.begin()
    table = find(bench.tab, RunTable, "runs")
    bench.wait(lambda: table.model().rowCount() == 10)
    table.selectRow(0)
    bench.press("skip")
    bench.wait(lambda: bench.stored().status is Status.SKIPPED)
    bench.end()


def test_a_computed_experiment_offers_what_it_can_do_alone(make_window: MakeWindow) -> None:
    tab = tab_of(make_window(), "basics")
    names = {button.objectName() for button in tab.controls.findChildren(QToolButton)}
    assert names == {"run", "stop", "cancel"}


# Further repeats


def whole_run(task):
    return [started(task.run), record(task.run, 260), finished(task.run)]


def test_repeats_are_added_to_the_experiment_in_sight(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QInputDialog, "getInt", lambda *_arguments: (2, True))
    bench = Bench(qtbot, make_window(ScriptedExecutor(whole_run)), workspace)
    assert not bench.button("repeats").isEnabled()
    for name in ("run", "repeats"):
        with qtbot.waitSignal(bench.window.training_ended, timeout=PATIENCE_MS):
            bench.press(name)
    with closing(Store(workspace)) as store:
        runs = store.runs(1)
        assert [run.spec.repeat for run in runs] == [1] * 5 + [2] * 5 + [3] * 5 + [4] * 5
        assert [run.status for run in runs] == [Status.FINISHED] * 20
        assert store.experiment(1).status is Status.FINISHED
    assert find(bench.tab, RunTable, "runs").model().rowCount() == 20
    assert all(run.steps for run in bench.tab.observations.runs.values()), "the old ones are shown with the new"
    assert "20 runs trained and tested" in find(bench.tab, QLabel, "status").text()


def test_the_end_counts_what_finished_and_says_how_the_others_ended(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    ends = {"cnn_5": Status.SKIPPED, "mlp_1": Status.DIVERGED, "mlp_2": Status.FAILED}

    def answer(task):
        status = ends.get(task.spec.variant)
        return [started(task.run), record(task.run), finished(task.run) if status is None else task.failed(status, "-")]

    bench = Bench(qtbot, make_window(ScriptedExecutor(answer)), workspace)
    with qtbot.waitSignal(bench.window.training_ended, timeout=PATIENCE_MS):
        bench.press("run")
    said = find(bench.tab, QLabel, "status").text()
    assert said.startswith("Finished: 4 of 10 runs finished, 2 skipped, 2 diverged, 2 failed. ")
    entry = entry_of(workspace, 1)
    assert (entry.finished, entry.planned, entry.tested) == (4, 10, 4)
    assert entry.outcome == "4 of 10 runs finished, 2 skipped, 2 diverged, 2 failed"


def test_a_skipped_run_does_not_count_as_finished_while_others_train(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    bench = Bench(qtbot, make_window(ObedientExecutor()), workspace)
    bench.begin()
    bench.press("skip")
    bench.wait(lambda: "0 of 10 runs finished, 1 skipped" in find(bench.tab, QLabel, "status").text())


def test_the_end_says_which_is_best_and_whether_that_may_be_chance(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    accuracies = {("cnn_4", 1): 0.9, ("cnn_4", 2): 0.92, ("mlp_1", 1): 0.5, ("mlp_1", 2): 0.54}

    def answer(task):
        accuracy = accuracies.get((task.spec.variant, task.spec.repeat), 0.1)
        return [started(task.run), record(task.run, 260), finished(task.run, test_accuracy=accuracy)]

    bench = Bench(qtbot, make_window(ScriptedExecutor(answer)), workspace)
    with qtbot.waitSignal(bench.window.training_ended, timeout=PATIENCE_MS):
        bench.press("run")
    said = find(bench.tab, QLabel, "status").text()
    assert "Best: cnn_4, 91.0 ± 1.4 % (n = 2); mlp_1 is 39.0 points behind, which exceeds the spread" in said


def test_training_that_needs_more_memory_than_there_is_is_warned_of(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.workspace.memory.available_bytes", lambda: 2**20)
    bench = Bench(qtbot, make_window(ScriptedExecutor(whole_run)), workspace)
    with qtbot.waitSignal(bench.window.training_ended, timeout=PATIENCE_MS):
        bench.press("run")
    assert "GiB of memory, and 0.0 GiB are free" in find(bench.window, MessageBar, "message_bar").text


def test_a_rate_for_a_run_that_has_not_begun_is_refused_in_a_sentence(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    bench = Bench(qtbot, make_window(ObedientExecutor()), workspace)
    bench.begin()
    find(bench.tab, RunTable, "runs").selectRow(5)
    bench.press("set_rate")
    assert "has begun" in find(bench.window, MessageBar, "message_bar").text
    qtbot.keyClick(bench.window, Qt.Key.Key_Escape)
    assert not find(bench.window, MessageBar, "message_bar").isVisible()
    bench.end()
    assert bench.labels() == []


def test_the_rate_box_follows_the_run_and_keeps_what_was_set(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    bench = Bench(qtbot, make_window(ObedientExecutor()), workspace)
    bench.begin()
    box = find(bench.tab, RateBox, "rate_now")
    box.setValue(0.25)
    bench.press("set_rate")
    bench.wait(lambda: bench.tab.observations.runs[1].learning_rate == 0.25)
    bench.tab.refresh()
    assert box.value() == 0.25, "not the rate of the record before"
    bench.press("skip")
    bench.wait(lambda: 2 in bench.tab.observations.runs and bool(bench.steps(2)))
    bench.tab.refresh()
    assert box.value() == 0.001, "the next run has its own"
    bench.end()


def test_forms_are_as_they_were_left(make_window: MakeWindow, qtbot: QtBot) -> None:
    window = make_window()
    tab = tab_of(window, "learning-rate")
    left = tab.experiment.preset("quick", epochs=7, rates=[0.5])
    tab.form.show_spec(left)
    window.close()
    assert tab_of(make_window(), "learning-rate").form.spec() == left
