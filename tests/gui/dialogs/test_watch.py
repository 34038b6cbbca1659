"""gui.dialogs.watch: the folder, the code, the logger's file, and what is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QLineEdit, QMessageBox, QPlainTextEdit, QPushButton, QTabWidget
from pytestqt.qtbot import QtBot

from engine.events.watching import Grouping, WatchRequest
from engine.watching.scan import Scan
from gui.dialogs import watch
from gui.dialogs.logger_file import LOGGER
from gui.dialogs.watch import NOT_THERE, NOTHING_YET, WatchDialog, default_folder
from gui.utils.preferences import program_settings
from gui.watch.grouping_table import REPEAT, VARIANT, GroupingTable
from gui.watch.snippets import SNIPPETS, snippet
from gui.widgets.elided_label import ElidedLabel
from gui.widgets.placeholder import Placeholder
from tests.gui.support import find
from tests.gui.watch_support import found

RUNS = (found("a.jsonl", "net", 1), found("b.jsonl", "net", 2))


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SCAN_DELAY_MS", 0)


def opened(qtbot: QtBot, path: Path | str = "") -> WatchDialog:
    dialog = WatchDialog(str(path))
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def path_of(dialog: WatchDialog) -> QLineEdit:
    return find(dialog, QLineEdit, "watch_folder")


def message(dialog: WatchDialog) -> str:
    label = find(dialog, QLabel, "watch_message")
    assert label.isVisible() == bool(label.text())
    return label.text()


def hint(dialog: WatchDialog) -> str:
    """Return what is said in place of the table."""
    content = dialog.findChild(Placeholder)
    assert isinstance(content.currentWidget(), QLabel), "the table is shown"
    return content.currentWidget().text()


def press(dialog: WatchDialog, name: str) -> None:
    find(dialog, QPushButton, name).click()


def test_the_folder_is_filled_into_the_code_and_each_code_can_be_copied(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(qtbot, tmp_path / "logs")
    tabs = find(dialog, QTabWidget, "watch_code")
    for position, framework in enumerate(SNIPPETS):
        tabs.setCurrentIndex(position)
        press(dialog, "watch_copy")
        code = QGuiApplication.clipboard().text()
        assert code == snippet(framework, str(tmp_path / "logs")).rstrip()
        assert find(dialog, QPlainTextEdit, f"watch_code_{framework.lower()}").toPlainText() == code


def test_a_folder_that_is_missing_is_made_and_proposed_again(qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "logs"
    dialog = opened(qtbot, folder)
    qtbot.waitUntil(lambda: hint(dialog) == NOT_THERE)
    press(dialog, "watch_start")
    assert dialog.request == WatchRequest(str(folder), again=True)
    assert folder.is_dir()
    assert path_of(opened(qtbot)).text() == str(folder)


def test_the_first_folder_is_in_the_documents(qtbot: QtBot) -> None:
    assert path_of(opened(qtbot)).text() == str(default_folder())


def test_what_is_wrong_with_the_folder_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(qtbot, tmp_path)
    path_of(dialog).clear()
    press(dialog, "watch_start")
    assert message(dialog) == "Choose the folder that your code logs to."
    (tmp_path / "file").touch()
    path_of(dialog).setText(str(tmp_path / "file" / "below"))
    assert message(dialog) == ""
    press(dialog, "watch_start")
    assert message(dialog).endswith("choose another folder.")
    assert dialog.isVisible()
    assert dialog.request is None


def test_runs_that_are_found_can_be_grouped(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(qtbot, tmp_path)
    with qtbot.waitSignal(dialog.scan_requested) as asked:
        pass
    assert asked.args == [str(tmp_path)]
    dialog.show_scan("/elsewhere", Scan(RUNS))
    assert hint(dialog) == watch.LOOKING
    dialog.show_scan(str(tmp_path), Scan())
    assert hint(dialog) == NOTHING_YET
    dialog.show_scan(str(tmp_path), Scan((), ("x.csv can't be read.",)))
    assert hint(dialog) == "x.csv can't be read."
    dialog.show_scan(str(tmp_path), Scan(RUNS, ("x.csv can't be read.",)))
    assert find(dialog, ElidedLabel, "watch_scan_problems").text() == "x.csv can't be read."
    model = find(dialog, GroupingTable, "watch_runs").model()
    assert model.setData(model.index(0, REPEAT), 2)
    assert "is there twice" in message(dialog)
    assert not find(dialog, QPushButton, "watch_start").isEnabled()
    assert model.setData(model.index(0, VARIANT), " wide ")
    press(dialog, "watch_start")
    assert dialog.request == WatchRequest(str(tmp_path), (("a.jsonl", Grouping("own", "wide", 2)),), again=True)


def test_a_single_file_can_be_watched(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "part3_q1.json"
    file.write_text("{}")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_words: (str(file), ""))
    dialog = opened(qtbot, tmp_path / "logs")
    press(dialog, "watch_file")
    assert snippet("NumPy", str(tmp_path)).rstrip() == find(dialog, QPlainTextEdit, "watch_code_numpy").toPlainText()
    press(dialog, "watch_start")
    assert dialog.request == WatchRequest(str(file), again=True)
    assert program_settings().value(watch.FOLDER_KEY) is None, "the next code is not to log there"


def test_the_logger_is_saved_and_a_changed_one_is_kept_unless_agreed(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_words: str(tmp_path))
    dialog, copy = opened(qtbot), tmp_path / LOGGER.name
    answers = [QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "exec", lambda _box: answers.pop(0))
    press(dialog, "watch_save_logger")
    press(dialog, "watch_save_logger")
    assert copy.read_bytes() == LOGGER.read_bytes()
    assert len(answers) == 2, "the same file is replaced without a question"
    assert str(copy) in message(dialog)
    for kept in (True, False):
        copy.write_text("mine")
        press(dialog, "watch_save_logger")
        assert (copy.read_text() == "mine") == kept
    assert str(LOGGER.parent) in find(dialog, QLineEdit, "watch_pip").text()


def test_a_logger_that_can_not_be_saved_is_reported(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_words: str(tmp_path / "none"))
    dialog = opened(qtbot)
    press(dialog, "watch_save_logger")
    assert message(dialog).endswith("choose another folder.")


def test_every_control_has_a_name_and_says_what_it_does(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(qtbot, tmp_path)
    dialog.show_scan(str(tmp_path), Scan(RUNS))
    for widget in (
        dialog.findChildren(QPushButton) + dialog.findChildren(QLineEdit) + dialog.findChildren(GroupingTable)
    ):
        assert widget.objectName()
        assert widget.toolTip(), widget.objectName()
