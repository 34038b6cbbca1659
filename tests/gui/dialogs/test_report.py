"""The report dialog: experiments and file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
)
from pytestqt.qtbot import QtBot

from engine.events.runs import Status
from engine.storage.store import Store
from engine.workspace.catalogue import Catalogue, CatalogueEntry
from gui.dialogs.report import ReportDialog
from tests.engine.support import INFO, sql
from tests.gui.support import find

MakeDialog = Callable[..., ReportDialog]
# Name and state, oldest first: numbers 1 to 5.
EXPERIMENTS = (
    ("architectures", Status.FINISHED),
    ("architectures", Status.FINISHED),
    ("architectures", Status.CANCELLED),
    ("basics", Status.FINISHED),
    ("schedule", Status.FAILED),
)


@pytest.fixture
def stored(workspace: Path) -> Iterator[list[CatalogueEntry]]:
    """Five experiments, newest first, and a deleted one."""
    with closing(Store(workspace)) as store:
        for name, status in (*EXPERIMENTS, ("convolution", Status.FINISHED)):
            number = store.add_experiment(name, "{}", 0, None if name == "basics" else INFO, 1)
            store.finish_experiment(number, status, "")
        sql(workspace, "UPDATE experiments SET deleted=1 WHERE id=6")
        sql(workspace, "UPDATE experiments SET title='With <dropout>' WHERE id=1")
    with closing(Catalogue(workspace)) as catalogue:
        yield catalogue.newest(100)


@pytest.fixture
def make_dialog(qtbot: QtBot, stored: list[CatalogueEntry], tmp_path: Path) -> MakeDialog:
    QSettings("Trainscope", "Trainscope").setValue("report/file", str(tmp_path / "report.html"))

    def make(chosen: list[int] | None = None) -> ReportDialog:
        dialog = ReportDialog(stored, chosen)
        qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    return make


def rows(dialog: ReportDialog) -> list[QTreeWidgetItem]:
    tree = find(dialog, QTreeWidget, "report_experiments")
    return [item for position in range(tree.topLevelItemCount()) if (item := tree.topLevelItem(position)) is not None]


def ticked(dialog: ReportDialog) -> set[str]:
    return {item.text(1) for item in rows(dialog) if item.checkState(0) is Qt.CheckState.Checked}


def type_file(dialog: ReportDialog, text: str) -> None:
    line = find(dialog, QLineEdit, "report_file")
    line.selectAll()
    QTest.keyClicks(line, text)


def press(dialog: ReportDialog, name: str) -> None:
    QTest.mouseClick(find(dialog, QPushButton, name), Qt.MouseButton.LeftButton)


def message(dialog: ReportDialog) -> str:
    return find(dialog, QLabel, "report_message").text()


def test_every_experiment_is_listed_newest_first(make_dialog: MakeDialog) -> None:
    found = [(item.text(0), item.text(1), item.text(2), item.text(3)) for item in rows(make_dialog())]
    assert found == [
        ("Schedule", "5", "Digits", "failed"),
        ("Basics", "4", "–", "finished"),
        ("Architectures", "3", "Digits", "cancelled"),
        ("Architectures", "2", "Digits", "finished"),
        ("Architectures: With <dropout>", "1", "Digits", "finished"),
    ]


def test_the_newest_finished_one_of_each_kind_is_ticked(make_dialog: MakeDialog) -> None:
    assert ticked(make_dialog()) == {"2", "4"}


def test_a_choice_can_be_given(make_dialog: MakeDialog) -> None:
    dialog = make_dialog([1, 5])
    assert ticked(dialog) == {"1", "5"}
    assert message(dialog) == "2 experiments in the order of the homework."


def test_ticks_made_by_keyboard_count(make_dialog: MakeDialog, tmp_path: Path) -> None:
    dialog = make_dialog([])
    write = find(dialog, QPushButton, "report_write")
    assert (write.isEnabled(), message(dialog)) == (False, "Tick at least one experiment.")
    tree = find(dialog, QTreeWidget, "report_experiments")
    QTest.keyClick(tree, Qt.Key.Key_Down)
    QTest.keyClick(tree, Qt.Key.Key_Space)
    assert ticked(dialog) == {"4"}
    press(dialog, "report_write")
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert (dialog.experiments, dialog.file) == ((4,), tmp_path / "report.html")


def test_the_format_and_the_name_of_the_file_go_together(make_dialog: MakeDialog, tmp_path: Path) -> None:
    dialog = make_dialog()
    kind, line = find(dialog, QComboBox, "report_format"), find(dialog, QLineEdit, "report_file")
    kind.setCurrentIndex(1)
    assert line.text() == str(tmp_path / "report.pdf")
    type_file(dialog, str(tmp_path / "other.html"))
    assert kind.currentIndex() == 0
    type_file(dialog, str(tmp_path / "other.doc"))
    assert message(dialog) == "The file's name must end in .html or .pdf."
    assert not find(dialog, QPushButton, "report_write").isEnabled()


def test_the_file_is_remembered(make_dialog: MakeDialog, tmp_path: Path) -> None:
    dialog = make_dialog()
    type_file(dialog, str(tmp_path / "mine.pdf"))
    press(dialog, "report_write")
    assert find(make_dialog(), QLineEdit, "report_file").text() == str(tmp_path / "mine.pdf")


def test_a_file_that_is_there_is_said_to_be_replaced(make_dialog: MakeDialog, tmp_path: Path) -> None:
    (tmp_path / "old.html").write_text("old")
    dialog = make_dialog()
    assert "replaced" not in message(dialog)
    type_file(dialog, str(tmp_path / "old.html"))
    assert message(dialog).endswith("The file is there already and will be replaced.")


def test_a_file_that_can_not_be_written_is_said_and_the_dialog_stays(make_dialog: MakeDialog, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    dialog = make_dialog()
    type_file(dialog, str(tmp_path / "file" / "report.html"))
    press(dialog, "report_write")
    assert dialog.isVisible()
    assert "file can't be written" in message(dialog)


@pytest.mark.parametrize(("answer", "shown"), [("new", "new.html"), ("new.pdf", "new.pdf"), ("", "report.html")])
def test_a_file_can_be_chosen(
    make_dialog: MakeDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, shown: str
) -> None:
    dialog = make_dialog()
    chosen = str(tmp_path / answer) if answer else ""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_arguments: (chosen, ""))
    press(dialog, "report_file_choose")
    assert find(dialog, QLineEdit, "report_file").text() == str(tmp_path / shown)


def test_cancel_gives_nothing(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    press(dialog, "report_cancel")
    assert dialog.result() == QDialog.DialogCode.Rejected
    assert dialog.experiments == ()


def test_every_control_can_be_found_and_says_what_it_does(make_dialog: MakeDialog) -> None:
    dialog = make_dialog()
    for kind in (QPushButton, QComboBox, QTreeWidget, QLineEdit):
        for control in dialog.findChildren(kind):
            assert control.objectName()
            assert control.toolTip(), control.objectName()
            assert control.focusPolicy() is not Qt.FocusPolicy.NoFocus
