"""The Try it tab: its network is exported to a file that the user chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from engine.executors.tasks import ExportNetworkTask
from gui.try_it.tab import TryItTab
from gui.window.export_controller import ExportController
from tests.gui.support import find
from tests.gui.try_it_support import opened, trained


def test_the_chosen_network_is_exported(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    answers = iter(["", str(tmp_path / "network"), str(tmp_path / "network.onnx"), str(tmp_path / "own.tflite")])
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (next(answers), ""))
    tasks: list[Any] = []
    said: list[str] = []
    window, tab, reader = QWidget(), TryItTab(), Any
    qtbot.addWidget(window)
    qtbot.addWidget(tab)
    controller = ExportController(tmp_path, reader, tasks.append, window)  # type: ignore[arg-type]
    controller.failed.connect(said.append)
    tab.export_requested.connect(controller.export_network)
    tab.show_runs([trained()])
    export = find(tab, QPushButton, "export_network")
    export.click()
    export.click()
    assert not tasks
    assert said == ["network says no format; choose a name that ends with .onnx, .tflite, .keras."]
    export.click()
    tab.open_file(Path("own.keras"))
    tab.take(opened())
    export.click()
    first, second = tasks
    assert isinstance(first, ExportNetworkTask)
    assert (first.model, first.shape, first.file) == (Path("run-1.keras"), (32, 32, 1), tmp_path / "network.onnx")
    assert (first.properties["normalization"], first.properties["grayscale"]) == ("half", "true")
    assert (second.model, second.file) == (Path("own.keras"), tmp_path / "own.tflite")
