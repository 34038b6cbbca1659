"""A damaged store, a full disk or a removed store is reported in the message bar, and the window keeps working."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

import gui.app
from engine.events.runs import Status
from engine.events.tasks import Event
from engine.executors.tasks import TrainTask
from engine.storage.store import Store
from engine.utils.logs import ProgramLog
from engine.utils.paths import store_file
from gui.app import WindowKeeper
from gui.background.store_reader import StoreReader
from gui.background.weight_reader import WeightReader
from gui.utils.preferences import StartupOptions
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.engine.support import ScriptedExecutor, finished, planned, record, started, weights
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, Assistant, find, tab_of
from tests.limits import with_little_room

unix_alone = pytest.mark.skipif(os.name == "nt", reason="Windows doesn't let an open file go")


def said(window: MainWindow) -> str:
    return find(window, MessageBar, "message_bar").text


def many_records(task: TrainTask) -> Iterator[Event]:
    yield started(task.run)
    for step in range(10, 3010, 10):
        yield record(task.run, step, dead_units=(0,), activation_means=(0.5,), activation_deviations=(0.25,))
    yield finished(task.run)


def test_a_damaged_store_is_told_of_in_a_window_that_goes_on_with_a_new_one(
    qtbot: QtBot, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(start: StartupOptions, own_log: ProgramLog) -> MainWindow:
        return MainWindow(start.workspace, ScriptedExecutor(), Assistant(), Assistant(), Assistant(), own_log=own_log)

    workspace.mkdir()
    store_file(workspace).write_bytes(b"no database " * 1000)
    monkeypatch.setattr(gui.app, "make_window", make)
    own_log = ProgramLog()
    keeper = WindowKeeper(StartupOptions(workspace), own_log)
    keeper.open()
    window = keeper.window
    assert window is not None
    qtbot.waitExposed(window)
    (aside,) = workspace.glob("trainscope.sqlite3.damaged-*")
    assert said(window) == (
        f"The store of this workspace was damaged (file is not a database); it is kept as {aside}, and a new one is in "
        "use."
    )
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab_of(window).start()
    with closing(Store(workspace)) as store:
        assert store.experiment(1).status is Status.FINISHED
    keeper.close()
    window.deleteLater()
    QCoreApplication.processEvents()
    own_log.close()


def test_a_disk_that_fills_up_ends_the_experiment_and_not_the_window(
    qtbot: QtBot, workspace: Path, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store(workspace)) as store:
        planned(store)
    window = make_window(ScriptedExecutor(many_records))
    with monkeypatch.context() as patch:
        with_little_room(patch, workspace, 8)
        with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
            tab_of(window).start()
    assert "the disk is full; make room" in tab_of(window).observations.finished.reason
    assert "the disk is full; make room" in said(window)
    shown = [run.steps for run in tab_of(window).observations.runs.values()]
    with closing(Store(workspace)) as store:
        stored = [[each.step for each in store.records(run.id)] for run in store.runs(2)]
        assert [list(steps) for steps in shown] == stored
        assert 0 < len(stored[0]) < 300
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab_of(window).start()
    with closing(Store(workspace)) as store:
        assert store.experiment(3).status is Status.FINISHED


@unix_alone
def test_a_store_removed_during_a_training_is_told_of_and_written_again(
    qtbot: QtBot, workspace: Path, make_window: MakeWindow
) -> None:
    def answer(task: TrainTask) -> Iterator[Event]:
        yield from many_records(task)
        if task.run == 1:
            store_file(workspace).unlink()

    window = make_window(ScriptedExecutor(answer))
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        tab_of(window).start()
    assert said(window) == (
        f"{store_file(workspace)} was removed or replaced while it was in use; everything that was in it is there "
        "again."
    )
    with closing(Store(workspace)) as store:
        assert store.experiment(1).status is Status.FINISHED
        assert len(store.records(1)) == 300


@unix_alone
def test_kernels_are_read_from_the_file_that_took_the_place_of_a_removed_one(qtbot: QtBot, workspace: Path) -> None:
    found: list[list[int]] = []

    def steps_now(reader: WeightReader, run: int) -> list[int]:
        count = len(found)
        reader.steps(run, "dense_1", found.append, pytest.fail)
        qtbot.waitUntil(lambda: len(found) > count, timeout=PATIENCE_MS)
        return found[-1]

    with (
        closing(StoreReader(workspace)) as thread,
        closing(WeightReader(thread)) as reader,
        closing(Store(workspace)) as store,
    ):
        _, (run,) = planned(store)
        store.add(weights(run.run, 10))
        assert steps_now(reader, run.run) == [10]
        store.file.unlink()
        store.add(weights(run.run, 20))
        assert steps_now(reader, run.run) == [10, 20]
