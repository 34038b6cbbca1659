"""Widget for choosing a data set; previews its content."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.datasets import DATASETS
from engine.events.datasets import SamplesReady
from engine.utils.text import pluralise
from gui.utils.painting import to_qimage
from gui.utils.text import literally
from gui.widgets.drop_target import DATASET_FILES, DropTarget
from gui.widgets.factories import shrinkable_combo_box

# What is offered where images can't be read: to set a setting of ``DataSpec``.
LEAVE_OUT, SKIP_BROKEN = "Leave them out", "skip_broken_images"
SAMPLES = 20
SAMPLE_COLUMNS = 10
SAMPLE_SIDE = 27


class DatasetChooser(QWidget):
    """A list of the named data sets and the user's own, with sample images and a summary line.

    Accepts dropped folders and files. Emits ``chosen(name or path)`` when the choice changes, ``sampled()`` when sample
    images are displayed, so that the data set is decoded, and ``failed(message)`` when something dropped is not a data
    set.
    """

    chosen = Signal(str)
    sampled = Signal()
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("dataset_chooser")
        self._box = shrinkable_combo_box("dataset", "Data set")
        for name, source in DATASETS.items():
            self._box.addItem(source.title, name)
            self._box.setItemData(self._box.count() - 1, source.summary, Qt.ItemDataRole.ToolTipRole)
        self._box.currentIndexChanged.connect(self._selection_changed)
        self._info = QLabel(" ")
        self._info.setObjectName("dataset_info")
        self._info.setWordWrap(True)
        self._images = [QLabel() for _ in range(SAMPLES)]
        self.samples: SamplesReady | None = None
        self._arrange()
        target = DropTarget(self, "Drop to use this data set")
        target.dropped.connect(self.use)
        target.refused.connect(self.failed.emit)

    @property
    def dataset(self) -> str:
        """Name or path of the chosen data set."""
        return str(self._box.currentData())

    @property
    def has_samples(self) -> bool:
        """Whether images of the chosen data set are displayed."""
        return self.samples is not None

    def choose(self, dataset: str) -> None:
        """Choose ``dataset`` without emitting ``chosen``; an unknown path is added to the list."""
        with QSignalBlocker(self._box):
            self._select(dataset)

    def use(self, dataset: str) -> None:
        """Choose ``dataset`` as if the user had, emitting ``chosen``."""
        self._select(dataset)

    def offer(self, dataset: str) -> None:
        """Add a path to the list unless it is already there."""
        if self._box.findData(dataset) < 0:
            self._box.addItem(Path(dataset).name or dataset, dataset)
            self._box.setItemData(self._box.count() - 1, literally(dataset), Qt.ItemDataRole.ToolTipRole)

    def show_busy(self, text: str) -> None:
        """Display ``text`` while the images are being loaded."""
        self._info.setText(text)

    def show_samples(self, samples: SamplesReady) -> None:
        """Show images and counts of the chosen data set; samples of another one are late and ignored."""
        if samples.dataset != self.dataset:
            return
        self.samples = samples
        height, width, channels = samples.images.shape[1:]
        colour = "colour" if channels == 3 else "grayscale"
        doubts = f"; {pluralise(len(samples.warnings), 'warning')}" if samples.warnings else ""
        shown = ", augmented" if samples.augmented else ""
        classes = len(samples.class_names)
        images = f"{sum(samples.counts):,} images, {width}x{height} {colour}"
        self._info.setText(f"{images}, {classes} classes{shown}{doubts}")
        self._info.setToolTip(literally("\n".join(samples.warnings)))
        for label, image, number in zip(self._images, samples.images, samples.labels, strict=False):
            size = QSize(SAMPLE_SIDE, SAMPLE_SIDE)
            label.setPixmap(QPixmap.fromImage(to_qimage(image)).scaled(size, mode=_SMOOTH))
            label.setToolTip(literally(f"{samples.class_names[number]} ({samples.counts[number]:,} images)"))
        self.sampled.emit()

    def clear_samples(self) -> None:
        """Remove the images."""
        self.samples = None
        self._info.setText(" ")
        self._info.setToolTip("")
        for label in self._images:
            label.clear()
            label.setToolTip("")

    def _selection_changed(self) -> None:
        self.clear_samples()
        self.chosen.emit(self.dataset)

    def _select(self, dataset: str) -> None:
        self.offer(dataset)
        position = self._box.findData(dataset)
        if position != self._box.currentIndex():
            self.clear_samples()
        self._box.setCurrentIndex(position)

    def _open_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a folder of images (train/<class>/… or <class>/…)")
        if folder:
            self._select(folder)

    def _open_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Choose a data set file", "", DATASET_FILES)
        if file:
            self._select(file)

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._box, 1)
        for name, text, tip, slot in (
            ("open_folder", "Folder…", "Use a folder of images of your own", self._open_folder),
            ("open_file", "File…", "Use an .npz, .npy or IDX file or a data set's official archive", self._open_file),
        ):
            button = QToolButton()
            button.setObjectName(name)
            button.setText(text)
            button.setToolTip(tip)
            button.clicked.connect(slot)
            top.addWidget(button)
        grid = QGridLayout()
        grid.setSpacing(2)
        for position, label in enumerate(self._images):
            label.setFixedSize(SAMPLE_SIDE, SAMPLE_SIDE)
            label.setObjectName(f"sample_{position + 1}")
            grid.addWidget(label, position // SAMPLE_COLUMNS, position % SAMPLE_COLUMNS)
        grid.setColumnStretch(SAMPLE_COLUMNS, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(5)
        layout.addLayout(top)
        layout.addLayout(grid)
        layout.addWidget(self._info)


_SMOOTH = Qt.TransformationMode.SmoothTransformation
