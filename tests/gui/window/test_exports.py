"""Exports and reports from the main window."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QTreeWidget,
)
from pytestqt.qtbot import QtBot

from engine.events.runs import Status
from engine.executors.tasks import ExportTask, ReportTask
from engine.exports import Format
from engine.storage.store import Store
from gui.dialogs.export import ExportDialog
from gui.dialogs.report import ReportDialog
from gui.window.export_controller import ExportController
from tests.engine.support import ScriptedExecutor
from tests.gui.conftest import MakeWindow
from tests.gui.history_support import until
from tests.gui.support import PATIENCE_MS, Assistant, find
from tests.gui.window.support import message, press, whole_run


def test_export_writes_the_shown_experiment(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    titles: list[str] = []
    offered: list[str] = []
    QSettings("Trainscope", "Trainscope").setValue("export/parent", str(tmp_path))

    def answer(dialog: ExportDialog) -> QDialog.DialogCode:
        titles.append(dialog.title)
        offered.append(find(dialog, QLineEdit, "export_folder").text())
        dialog.folder, dialog.formats = tmp_path, (Format.PDF,)
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(ExportDialog, "exec", answer)
    monkeypatch.setattr("gui.window.main_window.QDesktopServices.openUrl", lambda url: opened.append(url.toLocalFile()))
    assistant = Assistant(unexported=("mlp_1 was left out.", "So was mlp_2."))
    window = make_window(ScriptedExecutor(whole_run), assistant)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "run")
    press(window, "export")
    qtbot.waitUntil(lambda: opened == [str(tmp_path)], timeout=PATIENCE_MS)
    assert message(window) == "mlp_1 was left out. So was mlp_2."
    assert titles == ["Architectures, experiment 1"]
    assert offered == [str(tmp_path / "trainscope-1-architectures")]
    exports = [task for task in assistant.tasks if isinstance(task, ExportTask)]
    assert [(task.experiment, task.folder, task.formats) for task in exports] == [(1, tmp_path, (Format.PDF,))]
    assert "13 files" in window.statusBar().currentMessage()


def test_report_writes_the_ticked_experiments_and_opens_the_file(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []

    def answer(dialog: ReportDialog) -> QDialog.DialogCode:
        dialog.accept()  # with the initial ticks
        return QDialog.DialogCode(dialog.result())

    QSettings("Trainscope", "Trainscope").setValue("report/file", str(tmp_path / "report.html"))
    monkeypatch.setattr(ReportDialog, "exec", answer)
    monkeypatch.setattr("gui.window.main_window.QDesktopServices.openUrl", lambda url: opened.append(url.toLocalFile()))
    assistant = Assistant()
    window = make_window(ScriptedExecutor(whole_run), assistant)
    with qtbot.waitSignal(window.training_ended, timeout=PATIENCE_MS):
        press(window, "run")
    action = window.findChild(QAction, "report")
    assert action is not None
    assert action.shortcut().toString() == "Ctrl+Shift+R"
    action.trigger()
    qtbot.waitUntil(lambda: opened == [str(tmp_path / "report.html")], timeout=PATIENCE_MS)
    reports = [task for task in assistant.tasks if isinstance(task, ReportTask)]
    assert [(task.experiments, task.file) for task in reports] == [((1,), tmp_path / "report.html")]
    assert "1 file written" in window.statusBar().currentMessage()


def test_a_chosen_experiment_is_listed_however_old(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store(workspace)) as store:
        for _ in range(3):
            store.finish_experiment(store.add_experiment("basics", "{}", 0, None, 1), Status.FINISHED, "")
    listed: list[list[str]] = []

    def look(dialog: ReportDialog) -> QDialog.DialogCode:
        tree = find(dialog, QTreeWidget, "report_experiments")
        items = [tree.topLevelItem(place) for place in range(tree.topLevelItemCount())]
        listed.append([item.text(1) for item in items if item is not None])
        return QDialog.DialogCode.Rejected

    monkeypatch.setattr("gui.window.export_controller.MOST_EXPERIMENTS", 1)
    monkeypatch.setattr(ReportDialog, "exec", look)
    window = make_window()
    window.findChild(ExportController).report((1, 3))
    until(qtbot, lambda: listed == [["3", "1"]])


def test_without_an_experiment_there_is_nothing_to_report(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    action = window.findChild(QAction, "report")
    assert action is not None
    action.trigger()
    until(qtbot, lambda: message(window) == "There is no experiment to report yet; run one first.")
