"""The experiment queue in the window."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QListWidget, QToolButton
from pytestqt.qtbot import QtBot

from engine.events.durations import Span
from engine.events.runs import Status
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.storage.locks import owner_lock
from engine.storage.store import Store
from engine.workspace.durations.estimate import Estimate
from engine.workspace.queue import QueueStore
from gui.window.main_window import MainWindow
from gui.window.queue_panel import QueuePanel, describe
from gui.window.training_controller import TrainingController
from tests.engine.support import ScriptedExecutor, finished, planned, record, small_spec, started
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import until
from tests.gui.support import PATIENCE_MS, ObedientExecutor, find, tab_of
from tests.gui.window.support import message


def waiting(window: MainWindow) -> list[str]:
    box = find(window, QListWidget, "queue_list")
    return [box.item(row).text().partition(":")[0] for row in range(box.count())]


def queue_up(qtbot: QtBot, window: MainWindow, *names: str) -> None:
    """Run the architectures and queue other experiments."""
    for name in ("architectures", *names):
        tab_of(window, name).start()
    until(qtbot, lambda: tab_of(window).observations.active_runs and len(waiting(window)) == len(names))


def lists(qtbot: QtBot, window: MainWindow, *titles: str) -> None:
    until(qtbot, lambda: waiting(window) == list(titles))


def press(qtbot: QtBot, window: MainWindow, name: str) -> None:
    button = find(window, QAbstractButton, name)
    assert button.isEnabled(), name
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def stored(workspace: Path) -> list[tuple[str, Status]]:
    with closing(Store(workspace)) as store:
        return [(each.name, each.status) for each in reversed(store.experiments(100))]


def test_run_while_one_is_under_way_waits_and_begins_by_itself(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    whole = ScriptedExecutor(lambda task: [started(task.run), record(task.run), finished(task.run)])
    window = make_window(whole)
    tab_of(window).start()
    tab_of(window, "activations").start()
    tab_of(window).start()
    until(qtbot, find(window, QueuePanel, "queue").isVisible)
    names = ("architectures", "activations", "architectures")
    until(qtbot, lambda: stored(workspace) == [(name, Status.FINISHED) for name in names])
    until(qtbot, lambda: not window.is_training)
    assert waiting(window) == []
    assert tab_of(window, "activations").observations.experiment == 2


CAN_NOT_BEGIN = (
    ("train-on", {}, "Choose the trained network to go on from: a .keras file"),
    ("architectures", {"architectures": ()}, "choose at least one architecture."),
    ("schedule", {"rates": ("fast",)}, "rates can't be 'fast'; it takes numbers"),
    ("schedule", {"rates": (0.1,), "dataset": "/nowhere/photos"}, "There is no data set '/nowhere/photos'"),
)


@pytest.mark.parametrize("busy", [False, True])
def test_what_can_not_begin_is_said_and_neither_begun_nor_queued(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, busy: bool
) -> None:
    executor = ObedientExecutor()
    window = make_window(executor)
    if busy:
        queue_up(qtbot, window)
    before = list(executor.tasks)
    for name, settings, words in CAN_NOT_BEGIN:
        tab_of(window, name).form.show_values(settings)
        find(tab_of(window, name), QToolButton, "run").click()
        assert words in message(window)
        assert window.is_training is busy
        assert stored(workspace) == ([("architectures", Status.RUNNING)] if busy else [])
        with closing(QueueStore(workspace)) as queue:
            assert queue.all() == []
        assert executor.tasks == before


def test_what_waits_is_reordered_and_removed(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    window = make_window(ObedientExecutor())
    queue_up(qtbot, window, "activations", "learning-rate", "schedule")
    box = find(window, QListWidget, "queue_list")
    box.setCurrentRow(2)
    press(qtbot, window, "queue_up")
    lists(qtbot, window, "Activations", "Schedule", "Learning rate")
    assert box.currentRow() == 1, "what was chosen stays so"
    press(qtbot, window, "queue_down")
    lists(qtbot, window, "Activations", "Learning rate", "Schedule")
    box.setCurrentRow(0)
    press(qtbot, window, "queue_remove")
    lists(qtbot, window, "Learning rate", "Schedule")
    qtbot.keyClick(box, Qt.Key.Key_Delete)
    lists(qtbot, window, "Schedule")
    with closing(QueueStore(workspace)) as queue:
        assert [order.experiment.name for order in queue.all()] == ["schedule"]


def test_an_entry_dragged_to_another_place_stays_there(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    window = make_window(ObedientExecutor())
    queue_up(qtbot, window, "activations", "learning-rate")
    model = find(window, QListWidget, "queue_list").model()
    assert model.moveRow(model.index(-1, -1), 1, model.index(-1, -1), 0)
    with closing(QueueStore(workspace)) as queue:
        until(qtbot, lambda: [order.experiment.name for order in queue.all()] == ["learning-rate", "activations"])


@pytest.mark.parametrize("ending", ["stop", "cancel"])
def test_who_ends_one_sees_no_other_begin_until_start_is_pressed(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, ending: str
) -> None:
    window = make_window(ObedientExecutor())
    queue_up(qtbot, window, "activations")
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        find(tab_of(window), QAbstractButton, ending).click()
    assert (window.is_training, waiting(window)) == (False, ["Activations"])
    assert "held" in find(window, QLabel, "waiting").text()
    press(qtbot, window, "queue_start")
    until(qtbot, lambda: window.is_training and not waiting(window))


def test_what_waited_is_there_again_after_a_restart_and_waits_for_its_user(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    with closing(QueueStore(workspace)) as queue:
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec())
    window = make_window(ObedientExecutor())
    until(qtbot, find(window, QueuePanel, "queue").isVisible)
    assert (waiting(window), window.is_training) == (["Architectures"], False)
    press(qtbot, window, "queue_start")
    qtbot.waitUntil(lambda: bool(tab_of(window).observations.active_runs), timeout=PATIENCE_MS)
    assert list(tab_of(window).observations.variants) == ["mlp_1"]


def test_an_entry_says_what_it_is_and_how_long_it_takes(workspace: Path) -> None:
    with closing(QueueStore(workspace)) as queue:
        order = queue.add(ARCHITECTURES_EXPERIMENT, small_spec(seed=7))
        estimate = Estimate(1, (26, 26), (2, 2), Span(110.0, 130.0))
        settings = "Architectures: digits, architectures mlp_1, epochs 1, repeats 1, seed 7"
        assert describe(order, estimate) == f"{settings} · 1 run of 26 steps and 2 records, about 2 min"
        assert describe(order, Estimate(1, (26, 26), (2, 2))) == f"{settings} · 1 run of 26 steps and 2 records"
        assert describe(order, None) == settings


def test_the_panel_says_what_is_under_way(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(ObedientExecutor())
    tab_of(window).show_spec(small_spec())  # of further networks too little would be known after a record
    queue_up(qtbot, window, "activations")
    label = find(window, QLabel, "queue_now")
    qtbot.waitUntil(lambda: "Architectures" in label.text() and " left" in label.text(), timeout=PATIENCE_MS)


def test_what_another_window_took_is_no_longer_listed(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    with closing(QueueStore(workspace)) as queue, owner_lock(workspace) as other:  # of another window
        for _ in range(2):
            queue.add(ARCHITECTURES_EXPERIMENT, small_spec())
        window = make_window(ObedientExecutor())
        until(qtbot, lambda: len(waiting(window)) == 2)
        queue.take(other)
        activated = QEvent(QEvent.Type.ActivationChange)
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow, timeout=PATIENCE_MS)
        window.changeEvent(activated)
        until(qtbot, lambda: len(waiting(window)) == 1)
        queue.take(other)
        press(qtbot, window, "queue_start")
        until(qtbot, lambda: not waiting(window) and not window.is_training)


def test_of_two_windows_one_alone_begins_what_waits(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    with closing(QueueStore(workspace)) as queue:
        queue.add(ARCHITECTURES_EXPERIMENT, small_spec())
    windows = [make_window(ObedientExecutor()), make_window(ObedientExecutor())]
    for window in windows:
        lists(qtbot, window, "Architectures")
    for window in windows:
        press(qtbot, window, "queue_start")
    until(qtbot, lambda: not any(waiting(window) for window in windows))
    until(qtbot, lambda: [bool(tab_of(window).observations.active_runs) for window in windows].count(True) == 1)
    until(qtbot, lambda: [window.is_training for window in windows].count(True) == 1)
    assert stored(workspace) == [("architectures", Status.RUNNING)]


def test_repeats_asked_for_twice_at_once_are_added_up(qtbot: QtBot, make_window: MakeWindow, workspace: Path) -> None:
    with closing(Store(workspace)) as store:
        number, _ = planned(store, small_spec(repeats=2))
        store.finish_experiment(number, Status.FINISHED, "")
    window = make_window(ObedientExecutor())
    tab_of(window, "activations").start()
    conductor = window.findChild(TrainingController)
    assert conductor is not None
    for _ in range(2):
        conductor.add_repeats(number, 3)
    until(qtbot, lambda: len(waiting(window)) == 2)
    with closing(QueueStore(workspace)) as queue:
        assert [order.spec.model_dump()["repeats"] for order in queue.all()] == [5, 8]
