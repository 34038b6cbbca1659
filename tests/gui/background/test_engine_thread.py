"""gui.background.engine_thread: the calibration of the machine beside other jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from pytestqt.qtbot import QtBot

from engine.config.specs import DataSpec
from engine.devices.names import Allocation
from engine.events.channel import ControlChannel
from engine.events.commands import Control
from engine.events.devices import MachineCalibrated
from engine.events.runs import Status
from engine.events.tasks import Emit, Event, TaskFailed
from engine.executors.tasks import CalibrateMachineTask, PrepareTask, Task
from gui.background import engine_thread
from gui.background.engine_thread import EngineThread
from tests.gui.support import PATIENCE_MS


class Calibrating:
    """An executor that calibrates until it is commanded otherwise, and fails all other tasks."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def start(self, runs: int, threads: int | None = None) -> int:
        return 1

    def allocation(self, runs: int, threads: int | None = None) -> Allocation:
        return Allocation(1, 1)

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> Control | None:
        self.tasks += tasks
        for task in tasks:
            if not isinstance(task, CalibrateMachineTask):
                emit(task.failed(Status.FAILED, "no images"))
            elif control.poll(wait=True) is Control.CANCEL:
                emit(task.failed(Status.CANCELLED, "Cancelled before it was done."))
            else:
                emit(MachineCalibrated())
        return None

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def executor() -> Calibrating:
    return Calibrating()


@pytest.fixture
def thread(executor: Calibrating, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> Iterator[EngineThread]:
    monkeypatch.setattr(engine_thread, "needs_calibration", lambda: True)
    thread = EngineThread(executor)
    thread.start()
    yield thread
    thread.close()


def test_who_cancels_the_job_that_waits_for_a_calibration_ends_both(
    thread: EngineThread, executor: Calibrating, qtbot: QtBot
) -> None:
    events: list[Event] = []
    thread.happened.connect(events.append)
    thread.calibrate()
    qtbot.waitUntil(lambda: bool(executor.tasks), timeout=PATIENCE_MS)
    with qtbot.waitSignal(thread.idle, timeout=PATIENCE_MS):
        thread.run_task(PrepareTask(DataSpec()))
        thread.send(Control.PAUSE)  # ends nothing
        assert len(executor.tasks) == 1, "the job waits"
        thread.send(Control.CANCEL)
    assert [event.cancelled for event in events if isinstance(event, TaskFailed)] == [True, False]


def test_a_thread_that_is_closed_ends_its_calibration(
    thread: EngineThread, executor: Calibrating, qtbot: QtBot
) -> None:
    thread.calibrate()
    qtbot.waitUntil(lambda: bool(executor.tasks), timeout=PATIENCE_MS)
    thread.close()
    assert thread.isFinished()


def test_what_is_known_is_not_measured(
    thread: EngineThread, executor: Calibrating, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_thread, "needs_calibration", lambda: False)
    thread.calibrate()
    with qtbot.waitSignal(thread.idle, timeout=PATIENCE_MS):
        thread.run_task(PrepareTask(DataSpec()))
    assert [type(task) for task in executor.tasks] == [PrepareTask]
