"""The Try it tab with its requests and answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from engine.config.specs import DataSpec
from engine.events.inference import LayerOutput, NetworkOpened, PickedTestImages, Probed
from engine.events.runs import Weights
from engine.executors.tasks import InferenceTask
from engine.workspace.trained_networks import TrainedRun
from gui.try_it.image_strip import IMAGES
from gui.try_it.tab import TryItTab
from tests.engine.support import INFO
from tests.gui.support import find

Kind = TypeVar("Kind")
LEFT = Qt.MouseButton.LeftButton


def trained(run: int = 1, **data: object) -> TrainedRun:
    return TrainedRun(run, 7, "mlp_1", run, 0.5, Path(f"run-{run}.keras"), DataSpec(**data), INFO)


def opened(name: str = "own.keras", **changes: object) -> NetworkOpened:
    """A file of Keras for images of digits."""
    weights = Weights(0, 0, 0, "eyes", (32, 32, 1), np.ones((4, 1, 3, 3), np.float32))
    found = NetworkOpened(
        Path(name),
        (32, 32, 1),
        10,
        "network[Conv-3x3x4, ReLU, Skip[Conv-1x1x4], GlobalAvgPool]",
        ("eyes", "eyes, ReLU", "more", "sum", "mean", "end"),
        weights,
        4,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def probed(top: int = 3) -> Probed:
    probabilities = np.full(10, 0.01)
    probabilities[top] = 0.91
    layers = (
        LayerOutput("input", (32, 32, 1), np.zeros((32, 32, 1), np.float32)),
        LayerOutput("prediction", (10,), np.arange(10, dtype=np.float32)),
    )
    return Probed(probabilities, layers)


def picked(**data: object) -> PickedTestImages:
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 32, 32, 1), np.uint8)
    return PickedTestImages(DataSpec(**data), INFO.class_names, images, tuple(n % 10 for n in range(IMAGES)))


class Tried:
    """A tab and the tasks it has requested."""

    def __init__(self, tab: TryItTab, qtbot: QtBot) -> None:
        self.tab, self._qtbot = tab, qtbot
        self.tasks: list[InferenceTask] = []
        self.failures: list[str] = []
        tab.task_requested.connect(self.tasks.append)
        tab.failed.connect(self.failures.append)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [task for task in self.tasks if isinstance(task, kind)]

    def ready(self, *runs: TrainedRun) -> None:
        """Offer runs, answer with test images and the probe of the black image, and clear the recorded tasks."""
        self.tab.show_runs(runs or (trained(),))
        self.tab.take(picked())
        self.tab.take(probed())
        self.tasks.clear()

    def draw(self, *points: tuple[int, int]) -> None:
        canvas = self.tab.canvas
        self._qtbot.mousePress(canvas, LEFT, pos=canvas.rect().center() + QPoint(*points[0]))
        for point in points[1:]:
            self._qtbot.mouseMove(canvas, canvas.rect().center() + QPoint(*point))
        self._qtbot.mouseRelease(canvas, LEFT, pos=canvas.rect().center() + QPoint(*points[-1]))

    def click(self, name: str) -> None:
        self._qtbot.mouseClick(find(self.tab, QPushButton, name), LEFT)

    def text(self, name: str) -> str:
        return find(self.tab, QLabel, name).text()

    @property
    def shows_answer(self) -> bool:
        return self.tab.maps.isVisible()

    @property
    def marked(self) -> list[str]:
        return [bar.name for bar in self.tab.bars.bars if bar.is_true]
