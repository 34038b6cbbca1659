"""Files and folders dropped on the Data sets tab and on a chooser."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.executors.inline import InlineExecutor
from engine.workspace.dataset_library import DatasetLibrary
from tests.gui.conftest import MakeWindow
from tests.gui.datasets_support import message, open_page
from tests.gui.support import EVERY_ACTION, LEFT_TO_MOVE, PATIENCE_MS, find, tab_of, taken_as_copy


def dragged(*paths: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return data


def drag(widget: QWidget, data: QMimeData) -> bool:
    """Drag ``data`` onto the widget and return whether it is accepted."""
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
    qtbot.waitUntil(lambda: DatasetLibrary(workspace).paths() == [image_folder], timeout=PATIENCE_MS)
    assert message(window) == ""


def test_a_file_that_is_not_a_data_set_is_reported(
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


def test_a_drag_that_can_only_move_is_refused(make_window: MakeWindow, image_folder: Path) -> None:
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
    qtbot.waitUntil(lambda: DatasetLibrary(workspace).paths() == [image_folder], timeout=PATIENCE_MS)
    other = tab_of(window, "activations").form.dataset_chooser
    assert other is not None
    assert other.dataset == "digits"
    assert other.findChild(QWidget, "dataset").findData(str(image_folder)) > 0
    qtbot.waitUntil(lambda: chooser.has_samples, timeout=PATIENCE_MS)
    drop(chooser, dragged(image_folder / "train" / "cat"))
    assert "lay it out as" in message(window)
