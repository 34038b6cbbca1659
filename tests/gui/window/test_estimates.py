"""What the window shows of an experiment before it runs: beside the Run button, on the start page, in the queue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel, QListWidget, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from engine.devices.cache import DeviceCache, PartTimes
from engine.devices.calibration import CONVOLUTIONAL, DENSE, machine
from engine.devices.libraries import ONEDNN
from engine.events.channel import ControlChannel
from engine.events.devices import MachineCalibrated
from engine.events.tasks import Emit
from engine.executors.tasks import CalibrateMachineTask, Task, TrainTask
from engine.experiments.architectures import ARCHITECTURES_EXPERIMENT
from engine.utils.paths import devices_file
from engine.workspace.queue import QueueEntry
from gui.experiment.start_page import StartPage
from tests.engine.support import ScriptedExecutor, finished, record, small_spec, started
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import until
from tests.gui.support import PATIENCE_MS, ObedientExecutor, find, tab_of
from tests.stored import store_experiment

QUICK = "10 runs of 260 steps and 26 records"


def evenly(task: TrainTask) -> list[Any]:
    records = [record(task.run, step, seconds=step / 100) for step in range(10, 261, 10)]
    return [started(task.run), *records, finished(task.run, seconds=2.6)]


def estimate_in(parent: QWidget) -> str:
    return find(parent, QLabel, "estimate").text()


def test_the_size_of_the_experiment_in_the_form_is_shown_and_follows_its_changes(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path
) -> None:
    window = make_window()
    tab = tab_of(window)
    until(qtbot, lambda: estimate_in(tab) == QUICK)
    find(tab.form, QSpinBox, "epochs").setValue(20)
    until(qtbot, lambda: estimate_in(tab) == "10 runs of 520 steps and 52 records")
    tab.form.show_values({"architectures": ()})
    tab.form.changed.emit()
    until(qtbot, lambda: not find(tab, QLabel, "estimate").isVisible())
    tab.use_preset("quick")
    until(qtbot, lambda: find(tab, QLabel, "estimate").isVisible() and estimate_in(tab) == QUICK)


def test_the_welcome_shows_the_size_of_what_its_button_runs(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    tab = tab_of(window)
    page = find(tab, StartPage, "start_page")
    until(qtbot, lambda: find(page, QLabel, "start_estimate").text() == QUICK)
    find(tab.form, QSpinBox, "epochs").setValue(20)
    until(qtbot, lambda: find(page, QLabel, "start_estimate").text() == "")
    assert page.is_welcome


class CalibratingExecutor(ScriptedExecutor):
    """Stores reference times once it is asked to, as the processes do."""

    def __init__(self) -> None:
        super().__init__()
        self.may_calibrate = Event()

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        if any(isinstance(task, CalibrateMachineTask) for task in tasks):
            assert self.may_calibrate.wait(PATIENCE_MS / 1000)
            for kind in (DENSE, CONVOLUTIONAL):
                DeviceCache(devices_file()).store_part_times(machine(), kind, {ONEDNN: PartTimes(0.01, 0.1, 1.0)})
            emit(MachineCalibrated())


def test_the_time_is_shown_as_soon_as_the_machine_was_calibrated(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRAINSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("engine.workspace.durations.step_times.may_have_gpu", lambda: False)
    monkeypatch.setattr("engine.devices.libraries._FROM_USER", "")  # so that the faster library is to be measured
    executor = CalibratingExecutor()
    tab = tab_of(make_window(executor))
    until(qtbot, lambda: estimate_in(tab) == QUICK)
    executor.may_calibrate.set()
    until(qtbot, lambda: estimate_in(tab).startswith(f"{QUICK}, "))


def test_the_time_is_shown_once_it_was_measured(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.workspace.durations.measurements.cpu_name", lambda: "a processor")
    store_experiment(workspace, answer=evenly, epochs=10)
    window = make_window(ObedientExecutor())
    tab = tab_of(window)
    tab.show_spec(small_spec(epochs=10))
    until(qtbot, lambda: estimate_in(tab).startswith("1 run of 260 steps and 26 records, "))
    tab.start()
    until(qtbot, lambda: bool(tab.observations.active_runs))
    tab.run_requested.emit(QueueEntry(0, ARCHITECTURES_EXPERIMENT, small_spec(epochs=10)))
    box = find(window, QListWidget, "queue_list")
    until(qtbot, lambda: box.count() == 1)
    assert " · 1 run of 260 steps and 26 records, " in box.item(0).text()
