"""The Data sets tab: table, samples, use, add and forget."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QWidget,
)
from pytestqt.qtbot import QtBot

from engine.workspace.dataset_library import DatasetLibrary
from gui.forms.dataset_chooser import DatasetChooser
from gui.window.main_window import MainWindow
from tests.gui.conftest import MakeWindow
from tests.gui.datasets_support import enabled, message, open_page, press, row
from tests.gui.support import PATIENCE_MS, find, tab_of


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
    qtbot.waitUntil(lambda: DatasetLibrary(workspace).paths() == [image_folder], timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: page.detail.has_samples, timeout=PATIENCE_MS)
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


def test_a_folder_that_can_not_be_read_is_shown_but_not_remembered(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, workspace: Path
) -> None:
    folder = tmp_path / "mine"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.png").write_bytes(b"no image")
    window, page = open_page(make_window)
    page.add(str(folder))
    qtbot.waitUntil(lambda: message(window) != "", timeout=PATIENCE_MS)
    assert page.table.entry is not None
    assert page.table.entry.dataset == str(folder), "to be tried again once it is mended"
    assert DatasetLibrary(workspace).paths() == []
    qtbot.waitUntil(lambda: "cancel" not in enabled(page), timeout=PATIENCE_MS)
    press(page, "forget")
    assert page.table.rowCount() == 4
