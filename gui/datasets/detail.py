"""Details of one data set: sample images, warnings, and the number of images per class."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPixmap, QShowEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.datasets.inventory import DatasetEntry
from engine.events.datasets import SamplesReady
from gui.datasets.warning_list import WarningList
from gui.utils.painting import to_qimage
from gui.utils.text import literally

if TYPE_CHECKING:
    from gui.datasets.class_counts import ClassCounts

SAMPLES = 40
COLUMNS = 8
SIDE = 44  # pixels


class DatasetDetail(QWidget):
    """Title, facts, sample images, warnings and a bar chart; samples of another data set are late and ignored."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("dataset_detail")
        self._dataset = ""
        self.samples: SamplesReady | None = None
        self._title, self._facts = QLabel(" "), QLabel(" ")
        self._title.setObjectName("detail_title")
        self._facts.setObjectName("detail_facts")
        for label in (self._title, self._facts):
            label.setTextFormat(Qt.TextFormat.PlainText)  # file names are the user's and could be taken for markup
            label.setWordWrap(True)
        self._images = [QLabel() for _ in range(SAMPLES)]
        self._warnings = WarningList()
        self._row, self._right = QHBoxLayout(self), QVBoxLayout()
        self._arrange()

    @cached_property
    def counts(self) -> ClassCounts:
        """The bar chart, created when first shown because pyqtgraph is slow to import."""
        from gui.datasets.class_counts import ClassCounts

        counts = ClassCounts()
        policy = counts.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # no jump in layout when it is shown or hidden
        counts.setSizePolicy(policy)
        counts.show_counts(self.samples)
        self._right.addWidget(counts, 1)
        return counts

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Create the bar chart, so that its space is reserved before the first counts arrive."""
        super().showEvent(event)
        _ = self.counts

    @property
    def has_samples(self) -> bool:
        """Whether images of the data set are displayed."""
        return self.samples is not None

    def show_entry(self, entry: DatasetEntry) -> None:
        """Show another data set, whose images are not loaded yet."""
        self._dataset = entry.dataset
        self._title.setText(entry.title)
        self.samples = None
        self._facts.setText(entry.summary)
        self._warnings.show_warnings(())
        for label in self._images:
            label.clear()
            label.setToolTip("")
        self._show_counts()

    def show_busy(self, text: str) -> None:
        """Display ``text``, the progress of loading the images or the reason why there are none."""
        if text:
            self._facts.setText(text)

    def show_samples(self, samples: SamplesReady) -> None:
        """Show images and counts, unless they are of another data set."""
        if samples.dataset != self._dataset:
            return
        self.samples = samples
        self._facts.setText(_facts(samples))
        self._warnings.show_warnings(samples.warnings)
        for label, image, number in zip(self._images, samples.images, samples.labels, strict=False):
            picture = QPixmap.fromImage(to_qimage(image))
            label.setPixmap(picture.scaled(QSize(SIDE, SIDE), mode=Qt.TransformationMode.SmoothTransformation))
            label.setToolTip(literally(samples.class_names[number]))
        self._show_counts()

    def _show_counts(self) -> None:
        if "counts" in self.__dict__:  # otherwise they are shown on creation
            self.counts.show_counts(self.samples)

    def _arrange(self) -> None:
        font = self._title.font()
        font.setBold(True)
        self._title.setFont(font)
        grid = QGridLayout()
        grid.setSpacing(3)
        for position, label in enumerate(self._images):
            label.setObjectName(f"detail_sample_{position + 1}")
            label.setFixedSize(SIDE, SIDE)
            grid.addWidget(label, position // COLUMNS, position % COLUMNS)
        left = QVBoxLayout()
        left.setSpacing(4)
        for widget in (self._title, self._facts):
            left.addWidget(widget)
        left.addLayout(grid)
        left.addStretch()
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        self._row.addLayout(left)
        self._right.addWidget(self._warnings)
        self._row.addLayout(self._right, 1)


def _facts(samples: SamplesReady) -> str:
    height, width, channels = samples.images.shape[1:]
    colour = "colour" if channels == 3 else "grayscale"
    validation = f" {sum(samples.validation_counts):,} validation images," if samples.validation_counts else ""
    test = f"{sum(samples.test_counts):,} test images" if samples.test_counts else "no test part of its own"
    classes = len(samples.class_names)
    return f"{sum(samples.counts):,} training images,{validation} {test}, {width}x{height} {colour}, {classes} classes"
