"""The export dialog: formats and folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QDialog, QFileDialog, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from engine.exports import DEFAULT_FORMATS, FORMATS, Format
from gui.dialogs.export import REPLACED, ExportDialog
from tests.gui.support import find

MakeDialog = Callable[..., ExportDialog]


@pytest.fixture
def make_dialog(qtbot: QtBot) -> MakeDialog:
    def make(folder_name: str = "trainscope-7-architectures") -> ExportDialog:
        dialog = ExportDialog("Architectures, experiment 7", folder_name)
        qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    return make


def box(dialog: ExportDialog, name: str) -> QCheckBox:
    return find(dialog, QCheckBox, f"export_{name}")


def folder(dialog: ExportDialog, text: str) -> None:
    line = find(dialog, QLineEdit, "export_folder")
    line.selectAll()
    QTest.keyClicks(line, text) if text else QTest.keyClick(line, Qt.Key.Key_Delete)


def press(dialog: ExportDialog, name: str) -> None:
    QTest.mouseClick(find(dialog, QPushButton, name), Qt.MouseButton.LeftButton)


def message(dialog: ExportDialog) -> str:
    return find(dialog, QLabel, "export_message").text()


def test_the_usual_formats_are_ticked_at_first(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    assert {each for each in Format if box(dialog, each).isChecked()} == set(DEFAULT_FORMATS)


def test_every_format_says_what_it_is(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    for each, info in FORMATS.items():
        assert (box(dialog, each).text(), box(dialog, each).toolTip()) == (info.label, info.help)


def test_what_is_ticked_and_where_the_folder_is_are_given_and_remembered(
    make_dialog: MakeDialog, tmp_path: Path
) -> None:
    dialog = make_dialog()
    for name in ("png", "tensorboard"):
        QTest.keyClick(box(dialog, name), Qt.Key.Key_Space)
    folder(dialog, str(tmp_path / "out"))
    press(dialog, "export_save")
    assert dialog.result() == QDialog.DialogCode.Accepted
    expected = (Format.SVG, Format.CSV, Format.JSON, Format.COURSE, Format.TENSORBOARD)
    assert (dialog.folder, dialog.formats) == (tmp_path / "out", expected)
    again = make_dialog()
    assert {each for each in Format if box(again, each).isChecked()} == set(expected)
    assert find(again, QLineEdit, "export_folder").text() == str(tmp_path / "trainscope-7-architectures")


def test_every_experiment_is_offered_a_folder_of_its_own(make_dialog: MakeDialog, tmp_path: Path) -> None:
    first = make_dialog()
    folder(first, str(tmp_path / "trainscope-7-architectures"))
    press(first, "export_save")
    offered = find(make_dialog("trainscope-8-activations"), QLineEdit, "export_folder").text()
    assert offered == str(tmp_path / "trainscope-8-activations")


def test_files_that_would_be_replaced_are_told_of(make_dialog: MakeDialog, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    dialog = make_dialog()
    folder(dialog, str(tmp_path / "old"))
    assert message(dialog) == ""
    (tmp_path / "old" / "summary.json").write_text("{}")
    folder(dialog, str(tmp_path / "old"))
    assert message(dialog) == REPLACED
    assert find(dialog, QPushButton, "export_save").isEnabled()
    folder(dialog, str(tmp_path / "new"))
    assert message(dialog) == ""


def test_without_a_format_or_a_folder_there_is_nothing_to_press(make_dialog: MakeDialog, tmp_path: Path) -> None:
    dialog = make_dialog()
    export = find(dialog, QPushButton, "export_save")
    assert (export.isEnabled(), message(dialog)) == (False, "Choose a folder.")
    folder(dialog, str(tmp_path / "out"))
    assert (export.isEnabled(), message(dialog)) == (True, "")
    for each in DEFAULT_FORMATS:
        box(dialog, each).click()
    assert (export.isEnabled(), message(dialog)) == (False, "Tick at least one format.")


def test_a_folder_that_can_not_be_written_is_said_and_the_dialog_stays(make_dialog: MakeDialog, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    dialog = make_dialog()
    for text, said in ((str(tmp_path / "file"), "can't be written"), ("~nobody_here/out", "a user there is not")):
        folder(dialog, text)
        press(dialog, "export_save")
        assert dialog.isVisible()
        assert said in message(dialog)


def test_a_folder_can_be_chosen(make_dialog: MakeDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dialog = make_dialog()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_arguments: str(tmp_path))
    press(dialog, "export_folder_choose")
    assert find(dialog, QLineEdit, "export_folder").text() == str(tmp_path)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_arguments: "")
    press(dialog, "export_folder_choose")
    assert find(dialog, QLineEdit, "export_folder").text() == str(tmp_path), "cancelled: as before"


def test_cancel_gives_and_remembers_nothing(make_dialog: MakeDialog, tmp_path: Path) -> None:
    dialog = make_dialog()
    folder(dialog, str(tmp_path / "out"))
    press(dialog, "export_cancel")
    assert dialog.result() == QDialog.DialogCode.Rejected
    assert not (tmp_path / "out").exists()
    assert QSettings("Trainscope", "Trainscope").value("export/parent") is None
