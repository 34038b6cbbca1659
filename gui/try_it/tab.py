"""Tab for trying a trained network: an image on the left, the network's outputs on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from engine.datasets.formats.decode import ENDINGS
from engine.events.inference import ImageRead, NetworkOpened, PickedTestImages, Probed
from engine.events.tasks import Event, TaskFailed
from engine.executors.tasks import InferenceTask, OpenNetworkTask, PickTestImagesTask, ProbeTask, ReadImageTask
from engine.utils.arrays import Array
from engine.workspace.trained_networks import TrainedRun
from gui.background.latest_request import LatestRequest
from gui.try_it.candidate import Candidate
from gui.try_it.canvas import DrawingCanvas
from gui.try_it.contents import NetworkPages
from gui.try_it.feature_maps import FeatureMaps
from gui.try_it.image_strip import IMAGES, ImageStrip
from gui.try_it.network_chooser import OPEN_TIP, NetworkChooser
from gui.try_it.probability_bars import ProbabilityBars
from gui.try_it.tools import PaintingTools
from gui.widgets.deferred_page import DeferredPage
from gui.widgets.drop_target import accept_copy
from gui.widgets.factories import push_button
from gui.widgets.placeholder import Placeholder
from gui.widgets.side_panel import panel_width

CANVAS_STRETCH = 100  # the canvas takes all free space until it is square
NOTHING_TRAINED = (
    "Nothing to try yet: run an experiment on another tab. Every network that was trained and tested is offered here. "
    "Or open a .keras file, or drop it here."
)
NO_IMAGE = (
    "Draw on the canvas, drop an image file anywhere, or click a test image: here appears what the network takes it "
    "for, and what each of its layers makes of it."
)
NO_ANSWER = "No prediction: the network could not be applied to this image."
NO_MEANS = "No prediction yet: choose the data set under Classes whose means 'per-dataset' needs."
NETWORKS = "Trained networks (*.keras);;All files (*)"
NETWORK_ENDINGS = (".keras", ".h5", ".hdf5", ".pb", ".pt", ".pth", ".safetensors", ".ckpt", ".onnx", ".tflite")
FILES = f"Images ({' '.join(f'*{ending}' for ending in ENDINGS)});;All files (*)"


@dataclass(frozen=True)
class _PlacedImage:
    """An image placed on the canvas: its description, its class if known, and its file if it is from one."""

    image: Array
    text: str
    label: int | None = None
    file: Path | None = None


class TryItTab(DeferredPage):
    """Live inference of a trained network on any image.

    Emits ``task_requested(task)`` for an executor of its own, which answers in order and whose events are passed to
    ``take``; ``runs_requested()`` when the tab is shown, answered by ``show_runs``; ``export_requested(network)``, of a
    ``Candidate``; and ``failed(message)``.
    """

    task_requested = Signal(object)
    runs_requested = Signal()
    export_requested = Signal(object)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("tab_try_it")
        self.setAcceptDrops(True)
        self._requests = LatestRequest(self._send)
        self._seed = 0  # of the displayed test images
        self._placed: _PlacedImage | None = None  # the image last placed on the canvas
        self._loaded: Path | None = None  # the network of the last answer
        self._to_open: Path | None = None  # the file that the user wants to try
        self._opened: NetworkOpened | None = None  # what the chosen network's file holds, once it was read

    def _build(self) -> None:
        self._chooser = NetworkChooser()
        self._canvas = DrawingCanvas()
        self._tools = PaintingTools(self._canvas)
        self._strip = ImageStrip()
        self._status = _label("try_status")
        self._prediction = _label("verdict")
        self._bars, self._maps = ProbabilityBars(), FeatureMaps()
        self._answer = Placeholder(NO_IMAGE, self._answer_page())
        self._contents = NetworkPages(self._answer)
        self._open = push_button("open_first_network", "Open a file…", OPEN_TIP)
        self._pages = Placeholder(NOTHING_TRAINED, self._whole_page())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._pages)
        layout.addWidget(self._open, 0, Qt.AlignmentFlag.AlignHCenter)
        self._connect()

    @property
    def canvas(self) -> DrawingCanvas:
        """Where the user draws."""
        self.build()
        return self._canvas

    @property
    def bars(self) -> ProbabilityBars:
        """The probability of each class."""
        self.build()
        return self._bars

    @property
    def maps(self) -> FeatureMaps:
        """The outputs of the layers."""
        self.build()
        return self._maps

    @property
    def network(self) -> Candidate | None:
        """The network that is used."""
        self.build()
        return self._chooser.network

    def show_runs(self, runs: Sequence[TrainedRun]) -> None:
        """Offer the networks of ``runs``; the choice is kept if it is among them."""
        self.build()
        self._chooser.show_runs(runs)
        self._show_pages()

    def take(self, event: Event) -> None:
        """Handle an event of the executor."""
        self.build()
        match event:
            case Probed():
                self._take_probed(event, self._requests.answered())
            case PickedTestImages():
                self._requests.answered()
                self._take_test_images(event)
            case ImageRead(file, image):
                self._requests.answered()
                self._show_image(_PlacedImage(image, file.name, file=file))
            case NetworkOpened():
                self._requests.answered()
                self._take_network(event)
            case TaskFailed(reason, cancelled):
                self._take_failure(self._requests.answered())
                if not cancelled:
                    self.failed.emit(reason)

    def open_file(self, path: Path) -> None:
        """Open the network in a file, or place the image in it on the canvas, once it is read."""
        self.build()
        self._show_status(f"Reading {path.name} …")
        if path.suffix.lower() in NETWORK_ENDINGS:
            self._to_open = path
            self._requests.ask(OpenNetworkTask(path))
        else:
            self._requests.ask(ReadImageTask(path))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Request trained runs and test images when the tab is shown."""
        super().showEvent(event)
        self.runs_requested.emit()
        self._fetch_test_images()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Accept files; before there is a network only one of a network."""
        urls = event.mimeData().urls()
        if urls and (self.network is not None or Path(urls[0].path()).suffix.lower() in NETWORK_ENDINGS):
            accept_copy(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802
        """Accept files."""
        accept_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open the dropped file, the first if there are several."""
        if not accept_copy(event):
            return
        url = event.mimeData().urls()[0]
        if url.isLocalFile():
            self.open_file(Path(url.toLocalFile()))
        else:
            self.failed.emit(f"{url.toDisplayString()} is not a file on this computer; save it, then drop the file.")

    def _use_network(self) -> None:
        """Apply the chosen network to the canvas; fetch test images of its data set if it changed."""
        network = self.network
        if network is None:
            return
        if self._opened is None or self._opened.file != network.model:
            self._opened = None
            self._contents.clear_file()
            self._describe_network()
        data = self._strip.picked.data if self._strip.picked is not None else None
        if data is None or data != network.data:
            if self._placed is not None:
                self._placed = replace(self._placed, label=None)  # its class index is of another data set
            self._strip.clear()
            self._fetch_test_images()
        if data == network.data or network.data is None:
            self._warm_up()
        self._canvas_changed()

    def _show_pages(self) -> None:
        self._pages.show_content(self.network is not None)
        self._open.setVisible(self.network is None)

    def _take_network(self, opened: NetworkOpened) -> None:
        """Show what the file of a network holds; choose the network if the user wants to try it."""
        if opened.file == self._to_open:
            self._to_open = None
            self._chooser.show_file(opened)
            self._show_pages()
        if self.network is None or self.network.model != opened.file:
            return  # another one was chosen meanwhile
        self._opened = opened
        self._contents.show_file(opened)
        self._describe_image()

    def _take_failure(self, task: InferenceTask | None) -> None:
        network = self.network
        if isinstance(task, OpenNetworkTask):
            self._to_open = None
        if isinstance(task, PickTestImagesTask) and self._chooser.is_file and network and network.data == task.data:
            self._chooser.drop_dataset()
        if isinstance(task, ProbeTask) and network and task.model_file == network.model:
            self._answer.show_hint(NO_ANSWER)  # what is shown belongs to another image, network or preparation
        self._describe_image()

    def _describe_network(self) -> None:
        """Have the layers and weights of the network read, if they are in front."""
        if self._contents.shows_contents and self._opened is None and self.network is not None:
            self._requests.ask(OpenNetworkTask(self.network.model))

    def _fetch_test_images(self) -> None:
        network = self.network
        if network is not None and network.data is not None and self._strip.picked is None and self.isVisible():
            self._requests.ask(PickTestImagesTask(network.data, IMAGES, self._seed))

    def _fetch_more(self) -> None:
        self._seed += 1
        if self.network is not None and self.network.data is not None:
            self._requests.ask(PickTestImagesTask(self.network.data, IMAGES, self._seed))

    def _take_test_images(self, picked: PickedTestImages) -> None:
        if self.network is None or picked.data != self.network.data:
            return
        if self._chooser.is_file and (refusal := self._chooser.take_classes(picked)):
            self.failed.emit(refusal)
            return
        self._strip.show_images(picked)
        self._warm_up()
        if self._chooser.is_file:
            self._probe()

    def _warm_up(self) -> None:
        """Load libraries and network before the user draws, by probing a black image; the answer is not shown."""
        if self.network is not None and not self.network.lacks_means and self.canvas.image() is None:
            self._send_probe(np.zeros(self.network.shape, np.uint8))

    def _choose_test_image(self, image: Array, label: int) -> None:
        if self.network is not None:
            self._tools.stop_inverting()
            self._show_image(_PlacedImage(image, f"A test image of class {self.network.class_names[label]}", label))

    def _show_image(self, placed: _PlacedImage) -> None:
        self._placed = placed
        self.canvas.show_image(placed.image)

    def _canvas_changed(self) -> None:
        self._describe_image()
        self._probe()

    def _probe(self) -> None:
        image, network = self.canvas.image(), self.network
        if image is not None and network is not None and not network.lacks_means:
            self._send_probe(image)
        else:
            self._requests.forget(ProbeTask)
            self._answer.show_hint(NO_IMAGE if image is None else NO_MEANS)

    def _send_probe(self, image: Array) -> None:
        network = self.network
        if network is not None:
            # Neither drawn on nor inverted, it is decoded from its file as images are for training.
            placed = self._placed
            file = placed.file if placed is not None and image is placed.image else None
            how = (network.data, network.shape, file, network.normalization)
            self._requests.ask(ProbeTask(network.model, image, *how))

    def _take_probed(self, event: Probed, task: InferenceTask | None) -> None:
        network = self.network
        if network is None or not isinstance(task, ProbeTask) or task.model_file != network.model:
            return  # of a previously chosen network
        self._loaded = network.model
        self._describe_image()
        if self.canvas.image() is None or network.lacks_means:
            return  # cleared in the meantime, or of the preparation before
        names = network.class_names
        self.bars.show_probabilities(event.probabilities, names, self._true_class())
        self.maps.show_layers(event.layers)
        top = int(np.argmax(event.probabilities))
        self._prediction.setText(f"{names[top]}, {100 * event.probabilities[top]:.1f} %")
        self._answer.show_content(True)

    def _true_class(self) -> int | None:
        """Return the class of the canvas's content if it is an unchanged test image."""
        unchanged = self._unchanged_image()
        return None if unchanged is None else unchanged.label

    def _unchanged_image(self) -> _PlacedImage | None:
        """Return the placed image as long as the canvas shows it unchanged."""
        return self._placed if self._placed is not None and self.canvas.source is self._placed.image else None

    def _describe_image(self) -> None:
        if self._to_open is not None:
            text = f"Reading {self._to_open.name} …"
        elif self.canvas.image() is None:
            text = "The right button erases"
        elif self.canvas.source is None:
            text = "Your drawing"
        else:
            unchanged = self._unchanged_image()
            text = "An image" if unchanged is None else unchanged.text
        loading = self.network is not None and self.network.model != self._loaded and self._to_open is None
        self._show_status(f"{text}; loading the network …" if loading and self.isVisible() else text)

    def _show_status(self, text: str) -> None:
        shown = self._status.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, panel_width(self))
        self._status.setText(shown)
        self._status.setToolTip("" if shown == text else text)

    def _choose_file(self, title: str = "Choose an image", files: str = FILES) -> None:
        file, _ = QFileDialog.getOpenFileName(self, title, "", files)
        if file:
            self.open_file(Path(file))

    def _choose_network(self) -> None:
        self._choose_file("Open a trained network", NETWORKS)

    def _send(self, task: InferenceTask) -> None:
        self.task_requested.emit(task)

    def _connect(self) -> None:
        self._chooser.changed.connect(self._use_network)
        self._chooser.open_requested.connect(self._choose_network)
        self._chooser.export_requested.connect(self.export_requested)
        self._open.clicked.connect(lambda _checked=False: self._choose_network())
        self._contents.currentChanged.connect(lambda _index: self._describe_network())
        self.canvas.changed.connect(self._canvas_changed)
        self._tools.open_requested.connect(self._choose_file)
        self._strip.chosen.connect(self._choose_test_image)
        self._strip.more_requested.connect(self._fetch_more)
        self._describe_image()

    def _answer_page(self) -> QWidget:
        page = QWidget()
        font = self._prediction.font()
        font.setBold(True)
        font.setPointSizeF(1.25 * font.pointSizeF())
        self._prediction.setFont(font)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget, stretch in ((self._prediction, 0), (self.bars, 0), (self.maps, 1)):
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
            *((self._chooser, 0), (self.canvas, CANVAS_STRETCH)),
            *((self._status, 0), (self._tools, 0), (self._strip, 0)),
        ):
            column.addWidget(widget, stretch)
        column.addStretch(1)
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(panel)
        row.addWidget(self._contents, 1)
        return page


def _label(name: str) -> QLabel:
    label = QLabel(" ")
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)  # class and file names are the user's and of any length
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
