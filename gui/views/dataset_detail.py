"""What is in one data set: sample images, and how many of each class."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from engine.datasets.inventory import DatasetEntry
from engine.events import SamplesReady
from gui.plain_text import literally
from gui.views.class_counts import ClassCounts
from gui.views.images import to_qimage

SAMPLES = 40
COLUMNS = 8
SIDE = 44  # pixels


class DatasetDetail(QWidget):
    """Title, a line of facts, sample images and bars; an answer for another data set comes too late."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("dataset_detail")
        self._dataset = ""
        self.samples: SamplesReady | None = None
        self._title, self._facts = QLabel(" "), QLabel(" ")
        self._title.setObjectName("detail_title")
        self._facts.setObjectName("detail_facts")
        for label in (self._title, self._facts):
            label.setTextFormat(Qt.TextFormat.PlainText)  # names of files are the user's
            label.setWordWrap(True)
        self._images = [QLabel() for _ in range(SAMPLES)]
        self.counts = ClassCounts()
        policy = self.counts.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # nothing jumps when it comes and goes
        self.counts.setSizePolicy(policy)
        self.counts.show_counts(None)
        self._arrange()

    @property
    def has_samples(self) -> bool:
        """Whether images of the data set are in sight."""
        return self.samples is not None

    def show_entry(self, entry: DatasetEntry) -> None:
        """Show another data set, of which no images are known yet."""
        self._dataset = entry.dataset
        self._title.setText(entry.title)
        self.samples = None
        self._facts.setText(entry.summary)
        for label in self._images:
            label.clear()
            label.setToolTip("")
        self.counts.show_counts(None)

    def show_busy(self, text: str) -> None:
        """Say what is being done to get the images, or why there are none."""
        if text:
            self._facts.setText(text)

    def show_samples(self, samples: SamplesReady) -> None:
        """Show images and numbers."""
        if samples.dataset != self._dataset:
            return
        self.samples = samples
        self._facts.setText(_facts(samples))
        for label, image, number in zip(self._images, samples.images, samples.labels, strict=False):
            picture = QPixmap.fromImage(to_qimage(image))
            label.setPixmap(picture.scaled(QSize(SIDE, SIDE), mode=Qt.TransformationMode.SmoothTransformation))
            label.setToolTip(literally(samples.class_names[number]))
        self.counts.show_counts(samples)

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
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addLayout(left)
        row.addWidget(self.counts, 1)


def _facts(samples: SamplesReady) -> str:
    height, width, channels = samples.images.shape[1:]
    colour = "colour" if channels == 3 else "grayscale"
    test = f"{sum(samples.test_counts):,} test images" if samples.test_counts else "no test part of its own"
    classes = len(samples.class_names)
    return f"{sum(samples.counts):,} training images, {test}, {width}x{height} {colour}, {classes} classes"
