"""A workspace whose path is not valid in any text encoding, as Linux allows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtWidgets import QTabWidget
from pytestqt.qtbot import QtBot

from engine.utils.logs import FILE_NAME, ProgramLog
from gui.history.tab import HistoryTab
from tests.gui.conftest import MakeWindow
from tests.gui.support import PATIENCE_MS, find
from tests.stored import store_experiment


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / os.fsdecode(b"w\xff\xfe \xc3\xbc")
    try:
        folder.mkdir()
    except (OSError, ValueError):
        pytest.skip("this system takes no such names")
    return folder


def test_it_opens_lists_what_it_holds_and_is_logged(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_experiment(workspace)
    own_log = ProgramLog()
    own_log.write_to(workspace / "logs")
    try:
        window = make_window(own_log=own_log)
        history = window.findChildren(HistoryTab)[0]
        find(window, QTabWidget, "tabs").setCurrentWidget(history)
        qtbot.waitUntil(lambda: history.table.entries.rowCount() == 1, timeout=PATIENCE_MS)
    finally:
        own_log.close()
    assert "opened on" in (workspace / "logs" / FILE_NAME).read_text(encoding="utf-8")
    assert "Traceback" not in capsys.readouterr().err
