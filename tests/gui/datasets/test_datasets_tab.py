"""The data sets page: each button pressed, then looked at what became of it on disk and in sight."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QTabWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.config.specs import DataSpec
from engine.datasets.base import RemoteFile
from engine.datasets.download import downloads_folder, fetch
from engine.datasets.formats import cifar10
from engine.events.channel import ControlChannel
from engine.events.runs import Status
from engine.events.tasks import Emit
from engine.executors.inline import InlineExecutor
from engine.executors.tasks import SampleTask, Task, VerifyTask
from engine.utils.paths import cache_folder
from engine.workspace.dataset_library import DatasetLibrary
from gui.datasets.tab import BUTTONS, HINT, DatasetsTab
from gui.datasets.table import TITLES
from gui.forms.dataset_chooser import DatasetChooser
from gui.utils.text import as_size
from gui.widgets.message_bar import MessageBar
from gui.window.main_window import MainWindow
from tests.engine.datasets.conftest import (
    Site,
    cache,
    cifar_members,
    image_folder,
    leftovers,
    no_proxy,
    sha256,
    site,
    small_batches,
    write_tar,
)
from tests.gui.conftest import MakeWindow
from tests.gui.support import EVERY_ACTION, LEFT_TO_MOVE, PATIENCE_MS, Assistant, find, tab_of, taken_as_copy

__all__ = ["cache", "image_folder", "no_proxy", "site", "small_batches"]  # fixtures

ARCHIVE_PATH = "/cifar.tar.gz"


@pytest.fixture(scope="module", autouse=True)
def libraries_are_loaded() -> None:
    """In this thread: the program loads them in processes of their own, these tests in threads beside Qt's."""
    for name in ("sklearn.datasets", "pooch", "requests", "PIL.Image"):
        importlib.import_module(name)


def open_page(make_window: MakeWindow) -> tuple[MainWindow, DatasetsTab]:
    """A window whose data sets page is in front; its executors work in their threads, without processes."""
    window = make_window(assistant=InlineExecutor(), librarian=InlineExecutor())
    page = find(window, DatasetsTab, "tab_datasets")
    find(window, QTabWidget, "tabs").setCurrentWidget(page)
    return window, page


def press(page: DatasetsTab, name: str) -> None:
    button = find(page, QPushButton, f"dataset_{name}")
    assert button.isEnabled(), f"{name} can't be pressed"
    button.click()


def enabled(page: DatasetsTab) -> set[str]:
    names = [*BUTTONS, "cancel"]
    return {name for name in names if find(page, QPushButton, f"dataset_{name}").isEnabled()}


def status(page: DatasetsTab) -> str:
    return find(page, QLabel, "dataset_status").text()


def row(page: DatasetsTab, dataset: str) -> dict[str, str]:
    """What the table says of a data set, by column."""
    page.table.choose(dataset, announced=False)
    texts = [page.table.item(page.table.currentRow(), column) for column in range(len(TITLES))]
    return dict(zip(TITLES, (item.text() for item in texts if item is not None), strict=True))


def message(window: MainWindow) -> str:
    return find(window, MessageBar, "message_bar").text


def serve(site: Site, monkeypatch: pytest.MonkeyPatch, content: bytes, **changes: str) -> None:
    """Let CIFAR-10 be downloaded from ``site``, where ``content`` lies."""
    site.files[ARCHIVE_PATH] = content
    archive = RemoteFile(cifar10.ARCHIVE.name, sha256(content), len(content), (f"{site.url}{ARCHIVE_PATH}",))
    archive = replace(archive, **changes)
    monkeypatch.setattr(cifar10, "fetch", lambda _archive, progress: fetch(archive, progress))


def small_archive(folder: Path) -> bytes:
    return write_tar(folder / "served.tar.gz", cifar_members("binary")).read_bytes()


def test_every_data_set_has_a_row(qtbot: QtBot, make_window: MakeWindow, workspace: Path, tmp_path: Path) -> None:
    DatasetLibrary(workspace).add(tmp_path / "gone.npz")
    _, page = open_page(make_window)
    assert page.table.rowCount() == 5
    assert row(page, "digits")["Installed"] == "built in"
    assert row(page, "cifar10") | {"What it is": ""} == {
        **{"Data set": "CIFAR-10", "What it is": "", "Installed": "no", "On disk": "0", "Images": "", "Classes": ""}
    }
    assert row(page, str(tmp_path / "gone.npz"))["Installed"] == "missing"


def test_the_digits_are_shown_with_a_bar_a_class(qtbot: QtBot, make_window: MakeWindow) -> None:
    _, page = open_page(make_window)
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    heights = page.detail.counts.bars["training"].opts["width"]
    assert (len(heights), sum(heights)) == (10, 1797)
    assert list(page.detail.counts.bars) == ["training"]
    assert "no test part" in find(page, QLabel, "detail_facts").text()
    assert not find(page, QLabel, "detail_sample_40").pixmap().isNull()


@pytest.mark.usefixtures("small_batches")
def test_download_fetches_decodes_and_shows(
    qtbot: QtBot, make_window: MakeWindow, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = small_archive(tmp_path)
    serve(site, monkeypatch, content)
    window, page = open_page(make_window)
    page.table.choose("cifar10")
    assert enabled(page) == {"download", "use", "add_folder", "add_file"}
    assert "press Download" in find(page, QLabel, "detail_facts").text()
    press(page, "download")
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    assert (downloads_folder() / cifar10.ARCHIVE.name).read_bytes() == content
    shown = row(page, "cifar10")
    assert (shown["Installed"], shown["Images"], shown["Classes"]) == ("yes", "120", "10")
    bars = page.detail.counts.bars
    assert (sum(bars["training"].opts["width"]), sum(bars["test"].opts["width"])) == (100, 20)
    assert enabled(page) == {"verify", "remove", "use", "add_folder", "add_file"}
    assert message(window) == ""


def test_cancel_ends_a_download_and_leaves_nothing(
    qtbot: QtBot, make_window: MakeWindow, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(site, monkeypatch, bytes(2**20))
    site.gate.clear()
    window, page = open_page(make_window)
    page.table.choose("cifar10")
    press(page, "download")
    qtbot.waitUntil(lambda: status(page).startswith("Downloading"), timeout=PATIENCE_MS)
    assert enabled(page) == {"cancel", "use", "add_folder", "add_file"}
    assert "524 kB of 1.0 MB" in status(page) or "262 kB of 1.0 MB" in status(page)
    assert find(page, QProgressBar, "dataset_progress").maximum() == 2**20
    press(page, "cancel")
    site.gate.set()
    qtbot.waitUntil(lambda: "cancel" not in enabled(page), timeout=PATIENCE_MS)
    assert "Cancelled" in status(page)
    assert message(window) == ""
    assert leftovers(downloads_folder()) == []
    assert row(page, "cifar10")["Installed"] == "no"


class Librarian(Assistant):
    """Is at its task until it is cancelled."""

    def run(self, tasks: Sequence[Task], emit: Emit, control: ControlChannel) -> None:
        self.tasks += tasks
        control.connection.poll(None)
        emit(tasks[0].failed(Status.CANCELLED, "Cancelled."))


def test_to_look_at_a_folder_decodes_it_once_where_it_is_seen_and_can_be_cancelled(
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
    assert librarian.tasks == [VerifyTask(DataSpec(dataset=str(image_folder)))], "it is not begun anew"
    assert all(task.data.dataset != str(image_folder) for task in assistant.tasks if isinstance(task, SampleTask))
    page.table.choose("digits")
    assert status(page) == HINT, "what was said was about another"


def test_a_folder_that_is_added_is_decoded_and_then_shown(
    qtbot: QtBot, make_window: MakeWindow, image_folder: Path
) -> None:
    _, page = open_page(make_window)
    page.add(str(image_folder))
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    assert "verify" in enabled(page)
    assert row(page, str(image_folder))["Images"] == "36"


def test_a_wrong_hash_is_said_in_a_sentence(
    qtbot: QtBot, make_window: MakeWindow, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(site, monkeypatch, b"not what was published", known_hash=sha256(b"what was published"))
    window, page = open_page(make_window)
    page.table.choose("cifar10")
    press(page, "download")
    qtbot.waitUntil(lambda: message(window) != "", timeout=PATIENCE_MS)
    assert "not the published file" in message(window)
    assert str(downloads_folder() / cifar10.ARCHIVE.name) in message(window)
    qtbot.waitUntil(lambda: "download" in enabled(page), timeout=PATIENCE_MS)
    assert leftovers(downloads_folder()) == []


def test_samples_are_shown_while_a_download_is_under_way(
    qtbot: QtBot, make_window: MakeWindow, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(site, monkeypatch, bytes(2**20))
    site.gate.clear()
    _, page = open_page(make_window)
    page.table.choose("cifar10")
    press(page, "download")
    qtbot.waitUntil(lambda: status(page).startswith("Downloading"), timeout=PATIENCE_MS)
    page.table.choose("digits")
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    press(page, "cancel")
    site.gate.set()
    qtbot.waitUntil(lambda: "cancel" not in enabled(page), timeout=PATIENCE_MS)


def test_verify_says_so_and_mends(qtbot: QtBot, make_window: MakeWindow, image_folder: Path, workspace: Path) -> None:
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
def test_remove_asks_and_leaves_ones_own_folder_alone(
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


def test_use_chooses_the_data_set_in_every_form(qtbot: QtBot, make_window: MakeWindow) -> None:
    window, page = open_page(make_window)
    page.table.choose("fashion_mnist")
    press(page, "use")
    choosers = window.findChildren(DatasetChooser)
    assert len(choosers) >= 4
    assert {chooser.dataset for chooser in choosers} == {"fashion_mnist"}
    assert tab_of(window, "schedule").form.spec().model_dump()["dataset"] == "fashion_mnist"


def test_add_and_forget(
    qtbot: QtBot, make_window: MakeWindow, image_folder: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, page = open_page(make_window)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_arguments: str(image_folder))
    press(page, "add_folder")
    assert DatasetLibrary(workspace).paths() == [image_folder]
    assert page.table.entry is not None
    assert page.table.entry.dataset == str(image_folder)
    assert all(each.findChild(QWidget, "dataset").findData(str(image_folder)) > 0 for each in choosers_of(window))
    press(page, "forget")
    assert DatasetLibrary(workspace).paths() == []
    assert page.table.rowCount() == 4
    assert image_folder.is_dir()


def choosers_of(window: MainWindow) -> list[DatasetChooser]:
    return window.findChildren(DatasetChooser)


def test_add_file(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.npz"
    labels = np.arange(12) % 3
    np.savez(file, x_train=np.zeros((12, 8, 8), np.uint8), y_train=labels)
    _, page = open_page(make_window)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_arguments: (str(file), ""))
    press(page, "add_file")
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
    assert list(page.detail.counts.bars["training"].opts["width"]) == [4, 4, 4]
    assert DatasetLibrary(workspace).paths() == [file]


# --- dropped


def dragged(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drag(widget: QWidget, data: QMimeData) -> bool:
    """Drag ``data`` onto the widget; gives whether it would be taken."""
    event = QDragEnterEvent(QPoint(20, 20), EVERY_ACTION, data, *LEFT_TO_MOVE)
    QApplication.sendEvent(widget, event)
    return taken_as_copy(event)


def drop(widget: QWidget, data: QMimeData) -> None:
    assert drag(widget, data)
    event = QDropEvent(QPointF(20, 20), EVERY_ACTION, data, *LEFT_TO_MOVE)
    QApplication.sendEvent(widget, event)
    assert taken_as_copy(event)


def test_a_folder_dropped_on_the_page_is_added(
    qtbot: QtBot, make_window: MakeWindow, image_folder: Path, workspace: Path
) -> None:
    window, page = open_page(make_window)
    sign = find(page, QLabel, "drop_sign")
    assert drag(page, dragged(image_folder))
    assert sign.isVisible()
    assert sign.size() == page.size()
    QApplication.sendEvent(page, QDragLeaveEvent())
    assert not sign.isVisible()
    drop(page, dragged(image_folder))
    assert not sign.isVisible()
    assert DatasetLibrary(workspace).paths() == [image_folder]
    assert message(window) == ""


def test_what_is_no_data_set_gets_one_sentence(
    qtbot: QtBot, make_window: MakeWindow, workspace: Path, tmp_path: Path
) -> None:
    window, page = open_page(make_window)
    (tmp_path / "notes.txt").write_text("?")
    drop(page, dragged(tmp_path / "notes.txt"))
    assert "is not a data set; name a folder of images" in message(window)
    remote = QMimeData()
    remote.setUrls([QUrl("https://example.org/a.npz")])
    drop(page, remote)
    assert "not on this computer" in message(window)
    assert DatasetLibrary(workspace).paths() == []


def test_what_can_only_be_moved_is_left_where_it_is(make_window: MakeWindow, image_folder: Path) -> None:
    _, page = open_page(make_window)
    data = dragged(image_folder)
    event = QDragEnterEvent(QPoint(20, 20), Qt.DropAction.MoveAction, data, *LEFT_TO_MOVE)
    QApplication.sendEvent(page, event)
    assert not event.isAccepted()
    assert not find(page, QLabel, "drop_sign").isVisible()


def test_text_can_not_be_dropped(qtbot: QtBot, make_window: MakeWindow) -> None:
    _, page = open_page(make_window)
    data = QMimeData()
    data.setText("some words")
    assert not drag(page, data)


def test_a_folder_dropped_on_a_chooser_is_used_there_and_offered_everywhere(
    qtbot: QtBot, make_window: MakeWindow, image_folder: Path, workspace: Path
) -> None:
    window = make_window(assistant=InlineExecutor())
    chooser = tab_of(window).form.dataset_chooser
    assert chooser is not None
    drop(chooser, dragged(image_folder))
    assert chooser.dataset == str(image_folder)
    assert DatasetLibrary(workspace).paths() == [image_folder]
    other = tab_of(window, "activations").form.dataset_chooser
    assert other is not None
    assert other.dataset == "digits"
    assert other.findChild(QWidget, "dataset").findData(str(image_folder)) > 0
    qtbot.waitUntil(lambda: chooser.has_samples, timeout=PATIENCE_MS)
    drop(chooser, dragged(image_folder / "train" / "cat"))
    assert "lay it out as" in message(window)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_400, "999 kB"),
        (1_500_000, "1.5 MB"),
        (170_052_171, "170 MB"),
        (4e9, "4.0 GB"),
    ],
)
def test_sizes_are_said_as_people_do(count: int, text: str) -> None:
    assert as_size(count) == text
