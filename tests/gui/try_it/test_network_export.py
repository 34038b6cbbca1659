"""The Try it tab: its network is exported to a file that the user chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from engine.executors.tasks import ExportNetworkTask
from engine.exports.networks import run_properties
from gui.try_it.tab import TryItTab
from gui.window.export_controller import ExportController
from tests.gui.support import find
from tests.gui.try_it_support import opened, trained

ONNX, TFLITE = "ONNX (*.onnx)", "TFLite (*.tflite)"


class Exporting:
    """The tab, its button, and the tasks and sentences that follow; ``answer`` is that of the file dialog."""

    def __init__(self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.tab, self.answer = TryItTab(), ("", "")
        self.tasks: list[ExportNetworkTask] = []
        self.said: list[str] = []
        self.proposed = ""
        window, reader = QWidget(), Any
        qtbot.addWidget(window)
        qtbot.addWidget(self.tab)
        monkeypatch.setattr(QFileDialog, "getSaveFileName", self._choose)
        run_task: Callable[[Any], None] = self.tasks.append
        self._controller = ExportController(folder, reader, run_task, window)  # type: ignore[arg-type]
        self._controller.failed.connect(self.said.append)
        self.tab.export_requested.connect(self._controller.export_network)

    def _choose(self, _parent: QWidget, _title: str, proposed: str, kinds: str) -> tuple[str, str]:
        self.proposed = proposed
        assert not self.answer[1] or self.answer[1] in kinds.split(";;")
        return self.answer

    def export(self, file: Path | str, kind: str = ONNX) -> None:
        self.answer = (str(file), kind)
        find(self.tab, QPushButton, "export_network").click()


@pytest.fixture
def exporting(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Exporting:
    return Exporting(qtbot, monkeypatch, tmp_path)


def test_the_chosen_network_is_exported(exporting: Exporting, tmp_path: Path) -> None:
    run = trained(normalization="per-dataset")
    run = replace(run, info=replace(run.info, black=(-0.8,), white=(1.9,)))
    exporting.tab.show_runs([run])
    exporting.export("", "")
    assert not exporting.tasks
    exporting.export(tmp_path / "network.onnx")
    exporting.tab.open_file(Path("own.keras"))
    exporting.tab.take(opened())
    exporting.export(tmp_path / "own.tflite", TFLITE)
    first, second = exporting.tasks
    assert isinstance(first, ExportNetworkTask)
    assert (first.model, first.shape, first.file) == (Path("run-1.keras"), (32, 32, 1), tmp_path / "network.onnx")
    assert first.properties == run_properties(run.data, run.info)
    assert (first.properties["black"], first.properties["white"]) == ("[-0.8]", "[1.9]")
    assert (second.model, second.file) == (Path("own.keras"), tmp_path / "own.tflite")
    assert not exporting.said


def test_the_chosen_type_counts_where_the_name_has_no_suffix(
    exporting: Exporting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = trained()
    exporting.tab.show_runs([replace(run, model=Path("net-0.5.keras"))])
    exporting.export(tmp_path / "network", TFLITE)
    assert exporting.proposed == "net-0_5"  # as it is, the end would be taken for a suffix
    exporting.export(tmp_path / "network.ONNX", TFLITE)
    exporting.export(tmp_path / "network.h5", TFLITE)
    assert [each.file.name for each in exporting.tasks] == ["network.tflite", "network.ONNX"]
    assert exporting.said == [
        "network.h5 is of no format for networks; choose a name that ends with .onnx, .tflite, .keras."
    ]
    (tmp_path / "network.tflite").touch()
    asked: list[str] = []
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
    monkeypatch.setattr(QMessageBox, "question", lambda *words: (asked.append(words[2]), next(answers))[1])
    exporting.export(tmp_path / "network", TFLITE)
    assert len(exporting.tasks) == 2
    exporting.export(tmp_path / "network", TFLITE)
    assert len(exporting.tasks) == 3
    assert asked == ["network.tflite already exists. Replace it?"] * 2


@pytest.mark.parametrize(
    ("known", "levels"),
    [
        ({}, ("[-1.0]", "[1.0]")),
        ({"normalization": "none"}, ("[0.0]", "[1.0]")),
        ({"normalization": "half", "black": (-0.9998,), "white": (0.9998,)}, ("[-0.9998]", "[0.9998]")),
    ],
)
def test_the_levels_of_a_file_are_its_own_or_follow_from_the_normalisation(
    exporting: Exporting, tmp_path: Path, known: dict[str, Any], levels: tuple[str, str]
) -> None:
    exporting.tab.open_file(Path("own.keras"))
    exporting.tab.take(opened(**known))
    exporting.export(tmp_path / "own.onnx")
    (task,) = exporting.tasks
    assert (task.properties["black"], task.properties["white"]) == levels
