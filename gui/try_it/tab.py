"""Tries a trained network: an image on the left, what the network makes of it on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from engine.events.inference import ImageRead, PickedTestImages, Probed
from engine.events.tasks import Event, TaskFailed
from engine.executors.tasks import InferenceTask, PickTestImagesTask, ProbeTask, ReadImageTask
from engine.utils.arrays import Array
from engine.workspace.trained_networks import TrainedRun
from gui.background.latest_request import LatestRequest
from gui.try_it.canvas import DrawingCanvas
from gui.try_it.feature_maps import FeatureMaps
from gui.try_it.image_strip import IMAGES, ImageStrip
from gui.try_it.probability_bars import ProbabilityBars
from gui.try_it.tools import PaintingTools
from gui.utils.text import literally
from gui.widgets.drop_target import accept_copy
from gui.widgets.placeholder import Placeholder
from gui.widgets.side_panel import panel_width
from gui.widgets.spin_boxes import WheelFilter

CANVAS_STRETCH = 100  # the canvas takes the room there is, until it is as high as it is wide
NOTHING_TRAINED = (
    "Nothing to try yet: run an experiment on another tab. Every network that was trained and tested is offered here."
)
NO_IMAGE = (
    "Draw on the canvas, drop an image file anywhere, or click a test image: here appears what the network takes it "
    "for, and what each of its layers makes of it."
)
FILES = "Images (*.png *.jpg *.jpeg *.bmp *.gif *.webp *.tif *.tiff *.ppm *.pgm *.ico *.tga);;All files (*)"


@dataclass(frozen=True)
class _Put:
    """An image that was put on the canvas: what it is, and its class where that is known."""

    image: Array
    text: str
    label: int | None = None


class TryItTab(QWidget):
    """A trained network asked about any image, live.

    Emits ``task_requested(task)`` for an executor of its own, which answers in order and whose answers go to
    :meth:`take`; ``runs_wanted()`` where somebody looks, for :meth:`show_runs`; and ``failed(sentence)``.
    """

    task_requested = Signal(object)
    runs_wanted = Signal()
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("tab_try_it")
        self.setAcceptDrops(True)
        self._runs: list[TrainedRun] = []
        self._requests = LatestRequest(self._send)
        self._seed = 0  # of the test images in sight
        self._put: _Put | None = None  # the image put on the canvas last
        self._loaded: Path | None = None  # the network that gave the last answer
        self._box = _run_box()
        self.canvas = DrawingCanvas()
        self._tools = PaintingTools(self.canvas)
        self._strip = ImageStrip()
        self._status = _label("try_status")
        self._verdict = _label("verdict")
        self.bars, self.maps = ProbabilityBars(), FeatureMaps()
        self._answer = Placeholder(NO_IMAGE, self._answer_page())
        self._pages = Placeholder(NOTHING_TRAINED, self._whole_page())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._pages)
        self._connect()

    @property
    def run(self) -> TrainedRun | None:
        """The run whose network is tried."""
        return self._runs[self._box.currentIndex()] if self._runs else None

    def show_runs(self, runs: Sequence[TrainedRun]) -> None:
        """Offer the networks of ``runs``; the one that was chosen stays so, as long as it is among them."""
        before = self.run
        self._runs = list(runs)
        with QSignalBlocker(self._box):
            self._box.clear()
            for run in self._runs:
                self._box.addItem(run.label)
                self._box.setItemData(self._box.count() - 1, literally(run.label), Qt.ItemDataRole.ToolTipRole)
            numbers = [run.run for run in self._runs]
            self._box.setCurrentIndex(numbers.index(before.run) if before and before.run in numbers else 0)
        self._pages.show_content(bool(self._runs))
        if self.run != before:
            self._use_run()

    def take(self, event: Event) -> None:
        """Note an event of the executor that the tasks went to."""
        match event:
            case Probed():
                self._take_probed(event, self._requests.answered())
            case PickedTestImages():
                self._requests.answered()
                self._take_test_images(event)
            case ImageRead(name, image):
                self._requests.answered()
                self._show_image(_Put(image, name))
            case TaskFailed(reason, cancelled):
                self._requests.answered()
                self._say_what_is_there()
                if not cancelled:
                    self.failed.emit(reason)

    def open_file(self, path: Path) -> None:
        """Put the image in a file on the canvas, once it is read."""
        self._say(f"Reading {path.name} …")
        self._requests.ask(ReadImageTask(path))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Fetch what was trained, and test images, once somebody looks."""
        super().showEvent(event)
        self.runs_wanted.emit()
        self._fetch_test_images()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Files can be dropped."""
        if self.run is not None and event.mimeData().hasUrls():
            accept_copy(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802
        """As where they came in."""
        accept_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open the file that was dropped, the first of several."""
        if not accept_copy(event):
            return
        url = event.mimeData().urls()[0]
        if url.isLocalFile():
            self.open_file(Path(url.toLocalFile()))
        else:
            self.failed.emit(f"{url.toDisplayString()} is not a file on this computer; save it, then drop the file.")

    def _use_run(self) -> None:
        """Ask the network now chosen about what is on the canvas."""
        run = self.run
        if run is None:
            return
        if self._strip.picked is None or self._strip.picked.data != run.data:
            self._put = replace(self._put, label=None) if self._put else None  # its class is none of this run's
            self._strip.clear()
            self._fetch_test_images()
        else:
            self._warm_up()
        self._canvas_changed()

    def _fetch_test_images(self) -> None:
        if self.run is not None and self._strip.picked is None and self.isVisible():
            self._requests.ask(PickTestImagesTask(self.run.data, IMAGES, self._seed))

    def _fetch_others(self) -> None:
        self._seed += 1
        if self.run is not None:
            self._requests.ask(PickTestImagesTask(self.run.data, IMAGES, self._seed))

    def _take_test_images(self, picked: PickedTestImages) -> None:
        if self.run is None or picked.data != self.run.data:
            return
        self._strip.show_images(picked)
        self._warm_up()

    def _warm_up(self) -> None:
        """Have libraries and network loaded before anybody draws, by asking about black; the answer isn't shown."""
        if self.run is not None and self.canvas.image() is None:
            self._ask(np.zeros(self.run.info.shape, np.uint8))

    def _choose_test_image(self, image: Array, label: int) -> None:
        if self.run is not None:
            self._tools.stop_inverting()
            self._show_image(_Put(image, f"A test image of class {self.run.info.class_names[label]}", label))

    def _show_image(self, put: _Put) -> None:
        self._put = put
        self.canvas.show_image(put.image)

    def _canvas_changed(self) -> None:
        self._say_what_is_there()
        self._probe()

    def _probe(self) -> None:
        image = self.canvas.image()
        if image is not None:
            self._ask(image)
        else:
            self._requests.forget(ProbeTask)
            self._answer.show_content(False)

    def _ask(self, image: Array) -> None:
        if self.run is not None:
            self._requests.ask(ProbeTask(self.run.model, image, self.run.data, self.run.info.shape))

    def _take_probed(self, event: Probed, task: InferenceTask | None) -> None:
        run = self.run
        if run is None or not isinstance(task, ProbeTask) or task.model_file != run.model:
            return  # of a network chosen before
        self._loaded = run.model
        self._say_what_is_there()
        if self.canvas.image() is None:
            return  # cleared meanwhile
        names = run.info.class_names
        self.bars.show_probabilities(event.probabilities, names, self._true_class())
        self.maps.show_layers(event.layers)
        top = int(np.argmax(event.probabilities))
        self._verdict.setText(f"{names[top]}, {100 * event.probabilities[top]:.1f} %")
        self._answer.show_content(True)

    def _true_class(self) -> int | None:
        """The class of what is on the canvas, if it is a test image that nobody has drawn on."""
        return self._put.label if self._put is not None and self.canvas.source is self._put.image else None

    def _say_what_is_there(self) -> None:
        if self.canvas.image() is None:
            text = "The right button erases"
        elif self.canvas.source is None:
            text = "Your drawing"
        else:
            text = self._put.text if self._put is not None and self.canvas.source is self._put.image else "An image"
        loading = self.run is not None and self.run.model != self._loaded
        self._say(f"{text}; loading the network …" if loading and self.isVisible() else text)

    def _say(self, text: str) -> None:
        shown = self._status.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, panel_width(self))
        self._status.setText(shown)
        self._status.setToolTip("" if shown == text else text)

    def _choose_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Choose an image", "", FILES)
        if file:
            self.open_file(Path(file))

    def _send(self, task: InferenceTask) -> None:
        self.task_requested.emit(task)

    def _connect(self) -> None:
        self._box.currentIndexChanged.connect(lambda _index: self._use_run())
        self.canvas.changed.connect(self._canvas_changed)
        self._tools.opening_wanted.connect(self._choose_file)
        self._strip.chosen.connect(self._choose_test_image)
        self._strip.more_wanted.connect(self._fetch_others)
        self._say_what_is_there()

    def _answer_page(self) -> QWidget:
        page = QWidget()
        font = self._verdict.font()
        font.setBold(True)
        font.setPointSizeF(1.25 * font.pointSizeF())
        self._verdict.setFont(font)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget, stretch in ((self._verdict, 0), (self.bars, 0), (self.maps, 1)):
            column.addWidget(widget, stretch)
        return page

    def _whole_page(self) -> QWidget:
        panel = QWidget()
        panel.setFixedWidth(panel_width(self))
        self.canvas.setMaximumHeight(panel_width(self))
        column = QVBoxLayout(panel)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget, stretch in (
            *((QLabel("Trained network"), 0), (self._box, 0), (self.canvas, CANVAS_STRETCH)),
            *((self._status, 0), (self._tools, 0), (self._strip, 0)),
        ):
            column.addWidget(widget, stretch)
        column.addStretch(1)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(panel)
        row.addWidget(self._answer, 1)
        return page


def _run_box() -> QComboBox:
    box = QComboBox()
    box.setObjectName("trained_run")
    box.setAccessibleName("Trained network")
    box.setToolTip("Which trained network is tried, the newest first")
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.installEventFilter(WheelFilter(box))
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def _label(name: str) -> QLabel:
    label = QLabel(" ")
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)  # class and file names are the user's, and of any length
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
