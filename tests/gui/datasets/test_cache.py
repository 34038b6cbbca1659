"""Decoding, verification and removal of cached images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QLabel,
    QMessageBox,
    QPushButton,
    QTabWidget,
)
from pytestqt.qtbot import QtBot

from engine.config.specs import DataSpec
from engine.events.channel import ControlChannel
from engine.events.runs import Status
from engine.events.tasks import Emit
from engine.executors.tasks import SampleTask, Task, VerifyTask
from engine.utils.paths import cache_folder
from engine.workspace.dataset_library import DatasetLibrary
from gui.datasets.tab import HINT, DatasetsTab
from tests.engine.datasets.conftest import (
    leftovers,
)
from tests.gui.conftest import MakeWindow
from tests.gui.datasets_support import enabled, open_page, press, row, status
from tests.gui.support import PATIENCE_MS, Assistant, find


class Librarian(Assistant):
    """Runs its task until cancelled."""

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        self.tasks += tasks
        control.connection.poll(None)
        emit(tasks[0].failed(Status.CANCELLED, "Cancelled."))


def test_showing_a_folder_decodes_it_once_visibly_and_cancellably(
    qtbot: QtBot, make_window: MakeWindow, image_folder: Path
) -> None:
    assistant, librarian = Assistant(), Librarian()
    window = make_window(assistant=assistant, librarian=librarian)
    page = find(window, DatasetsTab, "tab_datasets")
    find(window, QTabWidget, "tabs").setCurrentWidget(page)
    page.add(str(image_folder))
    qtbot.waitUntil(lambda: librarian.tasks != [], timeout=PATIENCE_MS)
    assert enabled(page) == {"cancel", "use", "forget", "add_folder", "add_file"}
    press(page, "cancel")
    qtbot.waitUntil(lambda: "Cancelled" in status(page), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "press Decode" in find(page, QLabel, "detail_facts").text(), timeout=PATIENCE_MS)
    assert librarian.tasks == [VerifyTask(DataSpec(dataset=str(image_folder)))], "not started again"
    assert all(task.data.dataset != str(image_folder) for task in assistant.tasks if isinstance(task, SampleTask))
    page.table.choose("digits")
    assert status(page) == HINT, "the status was about another data set"


def test_a_folder_that_is_added_is_decoded_and_then_shown(
    qtbot: QtBot, make_window: MakeWindow, image_folder: Path
) -> None:
    _, page = open_page(make_window)
    page.add(str(image_folder))
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    assert "verify" in enabled(page)
    assert row(page, str(image_folder))["Images"] == "36"


def test_verify_reports_and_repairs(qtbot: QtBot, make_window: MakeWindow, image_folder: Path, workspace: Path) -> None:
    DatasetLibrary(workspace).add(image_folder)
    _, page = open_page(make_window)
    page.table.choose(str(image_folder))
    assert find(page, QPushButton, "dataset_verify").text() == "Decode &it now"
    press(page, "verify")
    qtbot.waitUntil(lambda: "as it was published" in status(page), timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: "verify" in enabled(page), timeout=PATIENCE_MS)
    assert find(page, QPushButton, "dataset_verify").text() == "Ver&ify"
    assert row(page, str(image_folder))["Images"] == "36"
    (images,) = (cache_folder() / "decoded").glob("*/x_test.npy")
    images.write_bytes(images.read_bytes()[:-1] + b"?")
    press(page, "verify")
    qtbot.waitUntil(lambda: "decoded anew" in status(page), timeout=PATIENCE_MS)


@pytest.mark.parametrize("answer", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.Cancel])
def test_remove_asks_and_keeps_the_users_own_folder(
    qtbot: QtBot,
    make_window: MakeWindow,
    image_folder: Path,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: QMessageBox.StandardButton,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(QMessageBox, "exec", lambda box: (asked.append(box.text()), answer)[1])
    DatasetLibrary(workspace).add(image_folder)
    _, page = open_page(make_window)
    page.table.choose(str(image_folder))
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    files = sorted(image_folder.rglob("*.png"))
    press(page, "remove")
    assert "Your own files are left alone" in asked[0]
    if answer is QMessageBox.StandardButton.Yes:
        qtbot.waitUntil(lambda: "cancel" not in enabled(page), timeout=PATIENCE_MS)
        assert "freed" in status(page)
        assert leftovers(cache_folder() / "decoded") == []
        assert row(page, str(image_folder))["On disk"] == "0"
        assert find(page, QPushButton, "dataset_verify").text() == "Decode &it now"
    else:
        assert leftovers(cache_folder() / "decoded") != []
    assert sorted(image_folder.rglob("*.png")) == files
