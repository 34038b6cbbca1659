"""The devices page, and the display of used and refused devices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QTableWidget, QToolButton
from pytestqt.qtbot import QtBot

from engine.events.devices import Device, DeviceChoice, DeviceReport, DevicesAppraised, LibraryReport
from engine.events.experiments import ExperimentFinished
from engine.events.runs import Status
from engine.events.tasks import Event, Progress, TaskFailed
from engine.executors.tasks import AppraiseTask, Task
from gui.dialogs.devices import NOT_MEASURED, ONLY_ONE, ONLY_SOUND, DevicesDialog
from gui.widgets.message_bar import MessageBar
from gui.window.device_controller import AFTERWARDS, DeviceController
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor, finished, record, small_spec, started
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, OpenEndedExecutor, find, started_experiment, tab_of

REFUSAL = "gpu:0 computes 1 of 6 patterns wrongly; the processor is used instead."
PROCESSOR = DeviceReport("cpu", "A processor", 8 * 2**30, True, "cpu: 6 patterns as in NumPy")
CARD = DeviceReport("gpu:0", "A card", None, True, "gpu:0: 6 patterns as in NumPy")
LEFT_OUT = replace(CARD, is_correct=None, findings="")
WRONG_CARD = replace(CARD, is_correct=False, findings=REFUSAL)


LIBRARIES = (
    LibraryReport("dense", "Eigen", {"oneDNN": 0.0012, "Eigen": 0.0009}),
    LibraryReport("convolutional", "oneDNN", {"oneDNN": 0.085, "Eigen": math.inf}),
)


class Appraiser(ScriptedExecutor):
    """Answers with ``reports``; the first network uses the GPU, no other was measured."""

    def __init__(self, *reports: DeviceReport) -> None:
        super().__init__(self.answer)
        self._reports = reports

    @property
    def asked(self) -> list[AppraiseTask]:
        return [task for task in self.tasks if isinstance(task, AppraiseTask)]

    def answer(self, task: Task) -> Sequence[Event]:
        if not isinstance(task, AppraiseTask):
            return [started(task.run), record(task.run), finished(task.run)]
        if not self._reports:
            return [TaskFailed("TensorFlow can't be loaded; install it again.")]
        known = DeviceChoice(task.runs[0].architecture, "gpu:0", {"cpu": 0.004, "gpu:0": 0.001})
        others = [DeviceChoice(run.architecture, "", {}) for run in task.runs[1:]]
        return [DevicesAppraised(self._reports, (known, *others), LIBRARIES)]


def page_of(window: MainWindow) -> DevicesDialog:
    action = window.findChild(QAction, "devices")
    assert action is not None
    action.trigger()
    return find(window, DevicesDialog, "devices_dialog")


def shown(page: DevicesDialog) -> set[str]:
    return {label.text() for label in page.findChildren(QLabel) if label.isVisible()}


def test_the_page_shows_devices_and_where_each_network_trains(qtbot: QtBot, make_window: MakeWindow) -> None:
    executor = Appraiser(PROCESSOR, CARD)
    page = page_of(make_window(executor))
    table = find(page, QTableWidget, "devices_uses")
    qtbot.waitUntil(table.isVisible, timeout=PATIENCE_MS)
    told = {"CPU", "A processor", "8.0 GiB", "GPU:0", "A card", "memory not known", PROCESSOR.findings, CARD.findings}
    qtbot.waitUntil(lambda: shown(page) >= told, timeout=PATIENCE_MS)
    rows = [[table.item(row, column).text() for column in range(5)] for row in range(table.rowCount())]
    assert rows[0] == ["Architectures", "mlp_1", "GPU:0", "4.00", "1.00"]
    assert rows[1] == ["Architectures", "mlp_2", NOT_MEASURED, "–", "–"]
    assert {row[0] for row in rows} == {"Architectures", "Activations", "Learning rate", "Schedule"}
    assert not executor.asked[0].refresh
    find(page, QPushButton, "devices_again").click()
    qtbot.waitUntil(lambda: len(executor.asked) == 2, timeout=PATIENCE_MS)
    assert executor.asked[1].refresh
    qtbot.waitUntil(find(page, QPushButton, "devices_again").isEnabled, timeout=PATIENCE_MS)
    assert table.rowCount() == len(rows)


def test_the_page_shows_which_library_is_faster(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gui.dialogs.devices.requested_library", lambda: "")
    page = page_of(make_window(Appraiser(PROCESSOR)))
    table = find(page, QTableWidget, "devices_libraries")
    qtbot.waitUntil(table.isVisible, timeout=PATIENCE_MS)
    rows = [[table.item(row, column).text() for column in range(5)] for row in range(table.rowCount())]
    assert rows == [["dense", "mlp_1", "Eigen", "1.20", "0.90"], ["convolutional", "cnn_4", "oneDNN", "85.00", "–"]]


def test_a_library_that_is_asked_for_is_named(qtbot: QtBot, make_window: MakeWindow) -> None:
    page = page_of(make_window(Appraiser(PROCESSOR)))
    how = find(page, QLabel, "devices_library")
    asked = "On the processor everything is computed with oneDNN, as TF_ENABLE_ONEDNN_OPTS asks."
    qtbot.waitUntil(lambda: how.text().startswith(asked), timeout=PATIENCE_MS)
    assert not find(page, QTableWidget, "devices_libraries").isVisible()


@pytest.mark.parametrize(
    ("reports", "device", "sentence"),
    [
        ((PROCESSOR,), "auto", ONLY_ONE),
        ((PROCESSOR, WRONG_CARD), "auto", ONLY_SOUND),
        ((PROCESSOR, CARD), "gpu:0", "Everything is computed on GPU:0, as the settings or the command line ask"),
        ((PROCESSOR, LEFT_OUT), "cpu", "Everything is computed on CPU, as the settings or the command line ask"),
    ],
    ids=["one", "refused", "by-name", "left-out"],
)
def test_where_there_is_no_choice_it_says_why(
    reports: tuple[DeviceReport, ...], device: str, sentence: str, qtbot: QtBot, make_window: MakeWindow
) -> None:
    page = page_of(make_window(Appraiser(*reports), device=device))
    how = find(page, QLabel, "devices_choice")
    qtbot.waitUntil(lambda: how.text().startswith(sentence), timeout=PATIENCE_MS)
    assert not find(page, QTableWidget, "devices_uses").isVisible()
    if LEFT_OUT in reports:
        qtbot.waitUntil(lambda: "not used by this start" in shown(page), timeout=PATIENCE_MS)
        assert "REFUSED" not in shown(page)
    if WRONG_CARD in reports:
        qtbot.waitUntil(lambda: shown(page) >= {"REFUSED", REFUSAL}, timeout=PATIENCE_MS)


def test_what_cannot_be_found_out_is_said_and_can_be_tried_again(qtbot: QtBot, make_window: MakeWindow) -> None:
    page = page_of(make_window(Appraiser()))
    status = find(page, QLabel, "devices_status")
    qtbot.waitUntil(lambda: status.text().startswith("TensorFlow can't be loaded"), timeout=PATIENCE_MS)
    assert find(page, QPushButton, "devices_again").isEnabled()


def test_while_something_trains_the_devices_wait(qtbot: QtBot, make_window: MakeWindow) -> None:
    executor = OpenEndedExecutor()
    window = make_window(executor)
    tab = tab_of(window)
    tab.start()
    qtbot.waitUntil(lambda: bool(tab.observations.runs), timeout=PATIENCE_MS)
    page = page_of(window)
    assert AFTERWARDS in shown(page)
    assert not any(isinstance(task, AppraiseTask) for task in executor.tasks)
    executor.run = Appraiser(PROCESSOR).run  # type: ignore[method-assign] # from the next task on
    find(tab, QToolButton, "stop").click()
    how = find(page, QLabel, "devices_choice")
    qtbot.waitUntil(lambda: how.text() == ONLY_ONE, timeout=PATIENCE_MS)
    assert not window.is_training


def test_a_refused_device_is_told_once_an_experiment(qtbot: QtBot, make_window: MakeWindow) -> None:
    used = [Device("CPU", "A processor", 1, "cpu", REFUSAL), Device("GPU", "A card", 1, "gpu:1", REFUSAL)]
    run = lambda task: [replace(started(task.run), device=used[task.run % 2]), record(task.run), finished(task.run)]  # noqa: E731
    window = make_window(ScriptedExecutor(run))
    told: list[str] = []
    window.findChild(DeviceController).refused.connect(told.append)
    for _ in range(2):
        with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
            tab_of(window).start()
        assert find(window, MessageBar, "message_bar").text == REFUSAL
    assert told == 2 * [REFUSAL]
    assert sorted(find(window, QLabel, "device").text().split("; ")) == ["CPU: A processor", "GPU: A card"]


def test_what_is_measured_before_a_run_leaves_the_bar_of_all_runs(make_window: MakeWindow) -> None:
    tab = tab_of(make_window())
    tab.begin(small_spec())
    bar, status = find(tab, QProgressBar, "progress"), find(tab, QLabel, "status")
    tab.take(Progress("Loading the digits", 1, 3))
    assert bar.maximum() == 3
    tab.take(started_experiment())
    whole = bar.maximum()
    tab.take(Progress("Measuring how fast mlp_1 trains on gpu:0", 1, 2))
    assert bar.maximum() == whole > 3
    assert status.text() == "Measuring how fast mlp_1 trains on gpu:0"
    tab.take(ExperimentFinished(1, Status.CANCELLED))
    tab.begin(small_spec())
    tab.take(Progress("Downloading", 30, 100))
    assert (bar.value(), bar.maximum()) == (30, 100), "that of the next experiment"
