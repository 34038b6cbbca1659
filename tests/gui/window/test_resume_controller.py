"""Interrupted experiments are offered when the window opens, and resume where they stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QLabel,
    QListWidget,
    QMessageBox,
    QPushButton,
    QTabWidget,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.events.runs import InterventionKind, Status
from engine.events.tasks import TaskFailed
from engine.executors.processes.pool import ProcessExecutor
from engine.executors.tasks import TrainTask
from engine.storage.locks import owner_lock
from engine.storage.recovery import Recovery
from engine.storage.store import Store
from engine.utils.paths import log_folder
from engine.workspace.queue import QueueStore
from gui.history.resume_bar import ResumeBar
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.engine.support import (
    INFO,
    ROOT,
    ScriptedExecutor,
    finished,
    planned,
    record,
    small_spec,
    sql,
    started,
    timeless,
)
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import look_at_history, press, until
from tests.gui.support import PATIENCE_MS, Assistant, ObedientExecutor, find, tab_of

SETTINGS: dict[str, Any] = {"architectures": ("mlp_1",), "epochs": 15, "repeats": 2}
KILLED_AFTER = 100  # recorded steps; some of the epochs of 26 steps are complete
TRAINING_MS = 150_000

# A window in a process of its own, which can be killed.
PROGRAM = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from engine.executors.inline import InlineExecutor
from engine.executors.processes.pool import ProcessExecutor
from gui.window.main_window import MainWindow
from tests.gui.support import tab_of

def main():
    app, workspace = QApplication([]), Path(sys.argv[1])
    trainer = ProcessExecutor(1, workspace / "logs")
    window = MainWindow(workspace, trainer, InlineExecutor(), InlineExecutor(), InlineExecutor())
    window.show()
    tab = tab_of(window)
    tab.form.show_spec(tab.experiment.preset("quick", **{settings}))
    QTimer.singleShot(0, tab.start)
    app.exec()

if __name__ == "__main__":
    main()
"""


def interrupted(workspace: Path, *, repeats: int = 2, done: int = 1) -> int:
    """An experiment whose process has died: ``done`` of its runs have finished, the next has started."""
    with closing(Store(workspace)) as store:
        number, runs = planned(store, small_spec(repeats=repeats))
        for run in runs[: done + 1]:
            store.add(started(run.run))
            store.add(record(run.run))
        for run in runs[:done]:
            store.add(finished(run.run))
    return number


def offer(window: MainWindow) -> str:
    return find(window, ResumeBar, "offer_bar").text


def offered(qtbot: QtBot, window: MainWindow, text: str) -> None:
    until(qtbot, lambda: offer(window) == text)
    assert find(window, ResumeBar, "offer_bar").isVisible() is bool(text)


def status_of(workspace: Path, number: int) -> Status:
    with closing(Store(workspace)) as store:
        return store.experiment(number).status


def runs_asked(executor: ScriptedExecutor) -> list[int]:
    return [task.run for task in executor.tasks if isinstance(task, TrainTask)]


def click(parent: QWidget, name: str) -> None:
    button = find(parent, QAbstractButton, name)
    assert button.isEnabled(), f"{name} can't be pressed"
    assert button.isVisible(), f"{name} is out of sight"
    button.click()


def test_what_was_interrupted_is_offered_and_goes_on_in_its_tab(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    older, newer = interrupted(workspace, repeats=3), interrupted(workspace)
    executor = ScriptedExecutor()
    window = make_window(executor)
    find(window, QTabWidget, "tabs").setCurrentIndex(3)
    offered(qtbot, window, f"Experiment {newer}, Architectures, was interrupted: 1 of 2 runs finished, 1 interrupted.")
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        click(window, "offer_resume")
    assert find(window, QTabWidget, "tabs").currentWidget() is tab_of(window)
    assert tab_of(window).form.spec().repeats == 2  # type: ignore[attr-defined]
    assert [len(runs_asked(executor)), status_of(workspace, newer)] == [1, Status.FINISHED]
    assert len(tab_of(window).observations.runs) == 2, "those that there were are shown too"
    offered(qtbot, window, f"Experiment {older}, Architectures, was interrupted: 1 of 3 runs finished, 2 interrupted.")


def test_what_is_left_keeps_all_and_is_offered_no_more_but_what_is_put_off_is(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    older, newer = interrupted(workspace), interrupted(workspace)
    window = make_window()
    offered(qtbot, window, f"Experiment {newer}, Architectures, was interrupted: 1 of 2 runs finished, 1 interrupted.")
    click(window, "offer_leave")
    offered(qtbot, window, f"Experiment {older}, Architectures, was interrupted: 1 of 2 runs finished, 1 interrupted.")
    find(window, QToolButton, "offer_close").click()
    offered(qtbot, window, "")
    with closing(Recovery(workspace)) as recovery:
        assert recovery.newest(statuses=[Status.INTERRUPTED]) == older
        assert recovery.newest() == newer, "it can still go on"
    history = look_at_history(qtbot, window, 2)
    history.table.choose([newer])
    press(history, "resume")
    until(qtbot, lambda: status_of(workspace, newer) is Status.FINISHED and not window.is_training)


def test_what_another_window_carries_out_is_not_offered(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    with owner_lock(workspace) as owner:
        with closing(Store(workspace)) as store:
            store.add_experiment("architectures", "{}", 1, INFO, 1, owner)
        window = make_window()
        look_at_history(qtbot, window, 1)  # queried after the offer, in the same thread
        assert (offer(window), status_of(workspace, 1)) == ("", Status.RUNNING)


def test_one_press_retries_what_crashed_and_the_reason_can_be_read(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    broken = {1}

    def answer(task: TrainTask) -> list[Any]:
        if task.run in broken:
            return [started(task.run), finished(task.run, Status.CRASHED, reason="It died.", test_accuracy=None)]
        return [started(task.run), record(task.run), finished(task.run)]

    window = make_window(ScriptedExecutor(answer))
    tab = tab_of(window)
    tab.form.show_spec(tab.experiment.preset("quick", **SETTINGS))
    resume = find(tab, QToolButton, "resume")
    assert not resume.isVisible()
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab.start()
    assert find(window, MessageBar, "message_bar").text == "1 of 2 runs did not finish: It died."
    assert [run.reason for run in tab.observations.runs.values()] == ["It died.", ""]
    broken.clear()
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        click(tab, "resume")
    assert [run.status for run in tab.observations.runs.values()] == [Status.FINISHED] * 2
    assert not resume.isVisible(), "nothing is left to be done"
    assert status_of(workspace, 1) is Status.FINISHED


def test_resume_while_another_is_under_way_waits_for_its_turn(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    number = interrupted(workspace)
    window = make_window(ObedientExecutor())
    until(qtbot, lambda: offer(window))
    tab_of(window, "activations").start()
    click(window, "offer_resume")
    box = find(window, QListWidget, "queue_list")
    until(qtbot, lambda: box.count() == 1)
    assert box.item(0).text().startswith(f"Architectures, the rest of {number}: ")
    find(tab_of(window, "activations"), QToolButton, "stop").click()
    until(qtbot, lambda: not window.is_training)
    until(qtbot, find(window, QPushButton, "queue_start").isEnabled)
    find(window, QPushButton, "queue_start").click()
    until(qtbot, lambda: tab_of(window).observations.experiment == number)
    assert box.count() == 0


def test_a_window_closed_while_it_trains_leaves_what_can_go_on(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def agree(box: QMessageBox) -> QMessageBox.StandardButton:
        asked.append(box.text())
        return QMessageBox.StandardButton.Close

    monkeypatch.setattr(QMessageBox, "exec", agree)
    before = make_window(ObedientExecutor())
    tab_of(before).start()
    until(qtbot, lambda: tab_of(before).observations.active_runs)
    before.close()
    qtbot.waitUntil(lambda: not before.isVisible(), timeout=PATIENCE_MS)
    assert "can go on when Trainscope is started again" in asked[0]
    assert status_of(workspace, 1) is Status.INTERRUPTED
    runs = len(tab_of(before).observations.runs)
    outcome = f"0 of {runs} runs finished, {runs - 1} cancelled, 1 interrupted"
    offered(qtbot, make_window(), f"Experiment 1, Architectures, was interrupted: {outcome}.")


def test_what_began_and_was_not_stored_when_its_window_died_waits_in_the_queue(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    window = make_window()
    tab = tab_of(window)
    with owner_lock(workspace) as owner, closing(QueueStore(workspace)) as queue:
        queue.add(tab.experiment, tab.form.spec(), owner=owner)
        assert queue.all() == []
    # The lock is free now, as if its holder had died.
    after = make_window()
    until(qtbot, lambda: find(after, QListWidget, "queue_list").count() == 1)
    assert "held" in find(after, QLabel, "waiting").text()


def test_a_preparation_that_fails_leaves_nothing_in_the_queue(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    window = make_window(ScriptedExecutor(preparation=TaskFailed("There is no such data set.")))
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab_of(window).start()
    assert sql(workspace, "SELECT count(*) FROM queue") == [(0,)]


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="there are no process groups")
def test_after_kill_9_of_the_whole_group_the_curves_are_those_of_an_undisturbed_run(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    command = [sys.executable, "-c", PROGRAM.replace("{settings}", repr(SETTINGS)), str(workspace)]
    program = subprocess.Popen(command, cwd=ROOT, start_new_session=True)  # noqa: S603
    try:
        qtbot.waitUntil(lambda: recorded(workspace, 1) * 10 >= KILLED_AFTER, timeout=TRAINING_MS)
    finally:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    window = make_window(ProcessExecutor(1, log_folder(workspace)), Assistant())
    until(qtbot, lambda: offer(window))
    assert status_of(workspace, 1) is Status.INTERRUPTED
    with qtbot.waitSignal(window.training_ended, timeout=TRAINING_MS):
        click(window, "offer_resume")
    with qtbot.waitSignal(window.training_ended, timeout=TRAINING_MS):
        tab_of(window).start()  # the same settings, from the form
    assert stored(workspace, 1) == stored(workspace, 2)
    with closing(Store(workspace)) as store:
        befell = [each.kind for run in store.runs(1) for each in store.interventions(run.id)]
    assert befell == [InterventionKind.CONTINUED], "it did not begin anew"


def recorded(workspace: Path, experiment: int) -> int:
    with closing(Store(workspace)) as store:
        return max((len(store.records(run.id)) for run in store.runs(experiment)), default=0)


def stored(workspace: Path, experiment: int) -> list[object]:
    """All data of an experiment except times and row ids."""
    with closing(Store(workspace)) as store:
        found: list[object] = [store.experiment(experiment).status]
        for run in store.runs(experiment):
            found += [run.spec, run.status, run.test_loss, run.test_accuracy, run.device]
            weights = store.last_weights(run.id).values()
            found += timeless([replace(each, run=0) for each in (*store.records(run.id), *weights)])
        return found
