"""Crashes of training processes: the window survives, reports the cause, and can train again."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from engine.events.runs import Status
from engine.executors.processes.pool import ProcessExecutor
from engine.storage.store import Store
from engine.utils.paths import log_folder
from gui.widgets.message_bar import MessageBar
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, find, tab_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="what they die of are POSIX's signals")

if sys.platform != "win32":
    from tests.engine.executors.processes.scripted_worker import scripted


@pytest.mark.long
def test_a_window_outlives_the_processes_that_train_for_it(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = scripted(tmp_path, monkeypatch)
    script.write("segfault", "train", "kill", "train", "train", "train", "train", "train")
    window = make_window(ProcessExecutor(2, log_folder(workspace), low_priority=True))
    tab = tab_of(window)
    tab.form.show_values({"architectures": ["mlp_1"], "repeats": 4})
    statuses = []
    for number, said in ((1, "2 of 4 runs did not finish: The training process "), (2, "")):
        with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
            find(tab, QToolButton, "run").click()
        assert find(window, MessageBar, "message_bar").text.startswith(said)
        with closing(Store(workspace)) as store:
            statuses.append([run.status for run in store.runs(number)])
    crashed, finished = Status.CRASHED, Status.FINISHED
    assert statuses == [[crashed, finished, crashed, finished], [finished] * 4]
