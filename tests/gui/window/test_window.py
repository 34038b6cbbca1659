"""The main window in use: running, stopping, closing, and its messages."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSettings
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QTableView,
    QTabWidget,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.events.experiments import ExperimentFinished
from engine.events.runs import Status
from engine.events.watching import WatchedExperiment
from engine.executors.tasks import AugmentedSampleTask, SampleTask
from engine.experiments import RUNNABLE_EXPERIMENTS
from engine.storage.store import Store
from gui.boards.panels.run_table import RunTable
from gui.plots.curves.curve_plot import CurvePlot
from gui.utils.theme import Scheme, stored_scheme
from gui.watch.tab import WatchTab
from gui.widgets.message_bar import MessageBar
from tests.engine.support import ScriptedExecutor, record
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import until
from tests.gui.support import PATIENCE_MS, Assistant, OpenEndedExecutor, find, tab_of
from tests.gui.watch_support import begins, folder_of, logged, takes
from tests.gui.window.support import message, press, status, whole_run

CONTROLS: tuple[type[QWidget], ...] = (QAbstractButton, QComboBox, QAbstractSpinBox, QTableView)


@pytest.mark.paints_windows
def test_run_trains_stores_and_shows(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "run")
    assert "10 runs trained and tested" in status(window)
    assert find(tab_of(window), RunTable, "runs").model().rowCount() == 10
    steps, values = find(tab_of(window), CurvePlot, "training_loss").curve_data("cnn_5", "training_loss")
    assert (steps.tolist(), values.tolist()) == ([260], [2.25])
    store = Store(workspace)
    assert [run.status for run in store.runs(1)] == [Status.FINISHED] * 10
    store.close()
    progress = find(tab_of(window), QProgressBar, "progress")
    assert progress.value() == progress.maximum()


def test_buttons_offer_what_can_be_done(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(OpenEndedExecutor())
    enabled = lambda: {n: find(tab_of(window), QToolButton, n).isEnabled() for n in ("run", "stop", "cancel", "export")}  # noqa: E731
    assert enabled() == {"run": True, "stop": False, "cancel": False, "export": False}
    press(window, "run")
    assert enabled() == {"run": True, "stop": True, "cancel": True, "export": False}, "Run puts another into the queue"
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "stop")
    assert enabled() == {"run": True, "stop": False, "cancel": False, "export": True}


@pytest.mark.parametrize(
    ("button", "ending", "said"),
    [("stop", Status.STOPPED, "what was learned is kept"), ("cancel", Status.CANCELLED, "what was recorded is kept")],
)
def test_stop_and_cancel_keep_the_records(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, button: str, ending: Status, said: str
) -> None:
    window = make_window(OpenEndedExecutor())
    with qtbot.waitSignal(window.trained, check_params_cb=lambda event: event == record(1), timeout=PATIENCE_MS):
        press(window, "run")
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, button)
    assert said in status(window)
    assert message(window) == "", "stopping is no error"
    store = Store(workspace)
    assert store.experiment(1).status is ending
    assert store.records(1) == [record(1)]
    store.close()


def test_an_error_neither_moves_nor_covers_what_can_be_pressed(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    tabs, bar = find(window, QTabWidget, "tabs"), find(window, MessageBar, "message_bar")

    def places() -> dict[QWidget, QRect]:
        shown = [each for each in tabs.findChildren(QAbstractButton) if not each.visibleRegion().isEmpty()]
        return {each: QRect(each.mapTo(window, QPoint()), each.size()) for each in (*shown, tabs.tabBar())}

    for position in range(tabs.count()):
        tabs.setCurrentIndex(position)
        QApplication.processEvents()
        before = places()
        window.show_error("There is no data set '/photos'; choose digits, or the path of a folder that exists.")
        until(qtbot, lambda: bar.parentWidget().height() > 20)
        assert places() == before
        covered = QRect(bar.mapTo(window, QPoint()), bar.size())
        assert [each.objectName() for each, place in before.items() if place.intersects(covered)] == []
        bar.clear()


def test_an_error_appears_in_one_place_and_goes_with_the_next_run(qtbot: QtBot, make_window: MakeWindow) -> None:
    reason = "There is no folder /nowhere; choose one that exists."
    failing = ScriptedExecutor(lambda task: [task.failed(Status.FAILED, reason)])
    window = make_window(failing)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "run")
    assert reason in message(window)
    assert status(window) == "Not finished: 0 of 10 runs finished, 10 failed."
    press(window, "run")
    assert message(window) == ""
    qtbot.waitUntil(lambda: not window.is_training, timeout=PATIENCE_MS)


def test_a_form_that_makes_no_sense_starts_nothing(make_window: MakeWindow) -> None:
    executor = ScriptedExecutor()
    window = make_window(executor)
    for box in tab_of(window).findChildren(QCheckBox):
        if box.objectName().startswith("architectures_"):
            box.setChecked(False)
    press(window, "run")
    assert "at least one architecture" in message(window)
    assert not window.is_training
    assert not executor.tasks


def test_presets_fill_the_form(make_window: MakeWindow) -> None:
    window = make_window()
    for tab in (tab_of(window, name) for name in RUNNABLE_EXPERIMENTS):
        for preset in reversed(tab.experiment.presets):
            find(tab, QPushButton, f"preset_{preset}").click()
            assert tab.form.spec() == tab.experiment.preset(preset)


def test_samples_of_the_chosen_data_set_are_shown(qtbot: QtBot, make_window: MakeWindow) -> None:
    assistant = Assistant()
    window = make_window(assistant=assistant)
    qtbot.waitUntil(lambda: "1,000 images" in find(tab_of(window), QLabel, "dataset_info").text(), timeout=PATIENCE_MS)
    assert [task.data.dataset for task in assistant.tasks if isinstance(task, SampleTask)] == ["digits"]


def test_a_data_set_without_samples_says_why(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(assistant=Assistant("There is no network; place the archive by hand."))
    qtbot.waitUntil(lambda: "no network" in message(window), timeout=PATIENCE_MS)


def test_where_nothing_was_trained_there_is_no_network_to_choose(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    find(tab_of(window, "train-on"), QToolButton, "model_choose").click()
    until(qtbot, lambda: "No network was trained in this workspace yet" in message(window))


def test_closing_while_training_asks_and_can_be_refused(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(box: QMessageBox) -> QMessageBox.StandardButton:
        asked.append(box.objectName())
        return QMessageBox.StandardButton.Cancel

    window = make_window(OpenEndedExecutor())
    press(window, "run")
    monkeypatch.setattr(QMessageBox, "exec", refuse)
    assert not window.close()
    assert asked == ["ask_to_close"]
    assert window.isVisible()
    assert window.is_training


def test_closing_while_training_interrupts_and_keeps_the_records(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    window = make_window(OpenEndedExecutor())
    with qtbot.waitSignal(window.trained, check_params_cb=lambda event: event == record(1), timeout=PATIENCE_MS):
        press(window, "run")
    monkeypatch.setattr(QMessageBox, "exec", lambda _box: QMessageBox.StandardButton.Close)
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=PATIENCE_MS)
    store = Store(workspace)
    assert store.experiment(1).status is Status.INTERRUPTED
    assert store.records(1) == [record(1)]
    store.close()


def test_a_workspace_that_can_not_be_written_is_said(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    workspace.write_text("a file where a folder should be")
    window = make_window()
    with qtbot.waitSignal(window.trained, check_params_cb=lambda e: isinstance(e, ExperimentFinished)):
        press(window, "run")
    qtbot.waitUntil(lambda: not window.is_training, timeout=PATIENCE_MS)
    assert str(workspace) in message(window)


@pytest.mark.paints_windows
def test_the_scheme_changes_every_plot_and_is_remembered(make_window: MakeWindow, qapp: QApplication) -> None:
    window = make_window()
    plot = find(tab_of(window).board, CurvePlot, "training_loss")
    shades = {}
    for scheme in (Scheme.LIGHT, Scheme.DARK):
        window.findChild(QAction, f"scheme_{scheme}").trigger()
        qapp.processEvents()
        shades[scheme] = plot.backgroundBrush().color().lightness()
        assert stored_scheme(QSettings("Trainscope", "Trainscope")) is scheme
    assert shades[Scheme.LIGHT] > 200
    assert shades[Scheme.DARK] < 60


def test_while_one_tab_trains_the_others_can_be_read_and_put_into_the_queue(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    window = make_window(OpenEndedExecutor())
    tab_of(window, "activations")  # is built before, the others during the training
    press(window, "run")
    others = [tab_of(window, name) for name in RUNNABLE_EXPERIMENTS if name != "architectures"]
    tabs = find(window, QTabWidget, "tabs")
    assert [tabs.isTabEnabled(number) for number in range(tabs.count())] == [True] * tabs.count()
    assert {find(tab, QToolButton, "run").text() for tab in others} == {"Queue"}
    assert not any(find(tab, QToolButton, "stop").isEnabled() for tab in others)
    assert all(tab.form.isEnabled() for tab in others)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "stop")
    assert {find(tab, QToolButton, "run").text() for tab in others} == {"Run"}


def test_an_experiment_shows_in_its_own_tab_alone(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(ScriptedExecutor(whole_run))
    tab = tab_of(window, "learning-rate")
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab.start()
    assert [run.planned.spec.variant for run in tab.observations.runs.values()] == [
        *("range_test", "cnn_4/0.1", "cnn_4/0.01", "cnn_4/0.001")
    ]
    assert find(tab, RunTable, "runs").model().rowCount() == 4
    assert tab_of(window).observations.experiment is None
    assert find(tab_of(window).board, RunTable, "runs").model().rowCount() == 0
    assert status(window) == "Ready."


def test_a_tab_asks_for_samples_when_it_is_first_looked_at(qtbot: QtBot, make_window: MakeWindow) -> None:
    assistant = Assistant()
    window = make_window(assistant=assistant)
    asked = lambda: [task for task in assistant.tasks if isinstance(task, SampleTask)]  # noqa: E731
    qtbot.waitUntil(lambda: len(asked()) == 1, timeout=PATIENCE_MS)
    other = tab_of(window, "activations")
    other.form.show_values({"dataset": "mnist"})
    find(window, QTabWidget, "tabs").setCurrentWidget(other)
    qtbot.waitUntil(lambda: len(asked()) == 2, timeout=PATIENCE_MS)
    assert asked()[1].data.dataset == "mnist"
    assert other.form.dataset_chooser is not None
    qtbot.waitUntil(lambda: other.form.dataset_chooser.has_samples, timeout=PATIENCE_MS)


def test_samples_are_fetched_again_as_their_augmentation_changes(qtbot: QtBot, make_window: MakeWindow) -> None:
    assistant = Assistant()
    window = make_window(assistant=assistant)
    asked = lambda: [task for task in assistant.tasks if isinstance(task, SampleTask)]  # noqa: E731
    qtbot.waitUntil(lambda: len(asked()) == 1, timeout=PATIENCE_MS)
    form = tab_of(window).form
    for value, expected in ((3, AugmentedSampleTask), (0, SampleTask)):
        before = len(asked())
        find(form, QSpinBox, "shift").setValue(value)
        qtbot.waitUntil(lambda before=before: len(asked()) == before + 1, timeout=PATIENCE_MS)
        assert type(asked()[-1]) is expected
    assert asked()[1].augmentation.shift == 3


def test_every_control_has_a_name_and_every_button_says_what_it_does(make_window: MakeWindow) -> None:
    window = make_window()
    for tab in (tab_of(window, name) for name in RUNNABLE_EXPERIMENTS):
        assert tab.board is not None, "its controls are looked at, too"
        assert count_checked_controls(tab) > 8
    watch = find(window, WatchTab, "tab_watch")
    find(window, QTabWidget, "tabs").setCurrentWidget(watch)
    takes(watch, begins(1, logged(1)), folder_of(WatchedExperiment(1, "own", running=1)))
    assert watch.view.board is not None
    assert count_checked_controls(watch) > 8


def count_checked_controls(tab: QWidget) -> int:
    """Return how many controls a tab has, all of which have a name, and the buttons a tool tip."""
    controls = [
        control
        for kind in CONTROLS
        for control in tab.findChildren(kind)
        if not isinstance(control.parent(), QLineEdit)  # the clear button in it is Qt's own
    ]
    assert not [control for control in controls if not control.objectName()]
    assert not [button.text() for button in tab.findChildren(QPushButton) if not button.toolTip()]
    return len(controls)


class SlowStart(ScriptedExecutor):
    """Starts only once ``may_start`` is set."""

    def __init__(self) -> None:
        super().__init__(whole_run)
        self.may_start = threading.Event()

    def start(self, runs: int, threads: int | None = None) -> int:
        assert self.may_start.wait(PATIENCE_MS / 1000)
        return 1


def test_run_pressed_while_the_processes_still_start_is_not_forgotten(qtbot: QtBot, make_window: MakeWindow) -> None:
    executor = SlowStart()
    window = make_window(executor)
    press(window, "run")
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        executor.may_start.set()
    assert "10 runs trained and tested" in status(window)


class Faulty(ScriptedExecutor):
    """Raises an unexpected error."""

    def run(self, tasks, emit, control):
        raise RuntimeError("out of the blue")


def test_an_unforeseen_error_is_said_and_the_window_lives_on(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(Faulty(), Faulty())
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "run")
    assert "unexpected RuntimeError" in message(window)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "run")


def test_the_status_says_stopping_until_the_end(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(OpenEndedExecutor())
    with qtbot.waitSignal(window.trained, check_params_cb=lambda event: event == record(1), timeout=PATIENCE_MS):
        press(window, "run")
    tab = tab_of(window)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "stop")
        tab.refresh()
        assert status(window).startswith("Stopping")
