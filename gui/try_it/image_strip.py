"""Test images to choose from by a click."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from engine.events.inference import PickedTestImages
from engine.utils.arrays import Array
from gui.utils.painting import to_qimage

COLUMNS = 6
IMAGES = 3 * COLUMNS
SIDE = 44  # pixels


class ImageStrip(QWidget):
    """A grid of test images; emits ``chosen(image, class index)``, and ``more_requested()`` for other images."""

    chosen = Signal(object, int)
    more_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("test_images")
        self._picked: PickedTestImages | None = None
        self._buttons = [self._button(position) for position in range(IMAGES)]
        self._more = QPushButton("More")
        self._more.setObjectName("more_test_images")
        self._more.setToolTip("Other images of the test set")
        self._more.clicked.connect(lambda _checked=False: self.more_requested.emit())
        self._arrange()
        self.clear()

    @property
    def picked(self) -> PickedTestImages | None:
        """The displayed images."""
        return self._picked

    def show_images(self, picked: PickedTestImages) -> None:
        """Show as many images as there are buttons."""
        self.clear()
        self._picked = picked
        for button, image, label in zip(self._buttons, picked.images, picked.labels, strict=False):
            button.setIcon(_icon(image))
            button.setToolTip(picked.class_names[label])
            button.setAccessibleName(f"Test image of {picked.class_names[label]}")
            button.setEnabled(True)
        self._more.setEnabled(True)

    def clear(self) -> None:
        """Remove all images."""
        self._picked = None
        for button in self._buttons:
            button.setIcon(QIcon())
            button.setToolTip("")
            button.setEnabled(False)
        self._more.setEnabled(False)

    def _choose(self, position: int) -> None:
        if self._picked is not None:
            self.chosen.emit(self._picked.images[position], self._picked.labels[position])

    def _button(self, position: int) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"test_image_{position + 1}")
        button.setIconSize(QSize(SIDE, SIDE))
        button.setFixedSize(SIDE + 8, SIDE + 8)
        button.setAutoRaise(True)
        button.clicked.connect(lambda _checked=False: self._choose(position))
        return button

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.addWidget(QLabel("<b>Test images</b>"), 1)
        top.addWidget(self._more)
        grid = QGridLayout()
        grid.setSpacing(2)
        for position, button in enumerate(self._buttons):
            grid.addWidget(button, position // COLUMNS, position % COLUMNS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(grid)


def _icon(image: Array) -> QIcon:
    smooth = Qt.TransformationMode.SmoothTransformation
    return QIcon(QPixmap.fromImage(to_qimage(image)).scaled(SIDE, SIDE, mode=smooth))
