"""The misclassified test images of highest confidence."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from engine.events.runs import Mistake
from gui.utils.painting import to_qimage

SIDE = 64  # pixels of an image
MAX_NAME_LENGTH = 11  # characters of a class name under an image
CELL = QSize(96, 116)  # an image and three short lines


class MistakeGrid(QListWidget):
    """Misclassified images as the network saw them, each with true class, predicted class and confidence."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("mistakes")
        self.setAccessibleName("Wrong test images, the surest first")
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setMovement(QListWidget.Movement.Static)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setGridSize(CELL)
        self.setWordWrap(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_mistakes(self, mistakes: Sequence[Mistake], names: tuple[str, ...]) -> None:
        """Show ``mistakes`` in their order; ``names`` are the class names."""
        self.clear()
        for mistake in mistakes:
            true, predicted = names[mistake.true], names[mistake.predicted]
            confidence = f"{100 * mistake.confidence:.1f} %"
            item = QListWidgetItem(_icon(mistake), f"{_shortened(true)}\n→ {_shortened(predicted)}\n{confidence}")
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
            item.setToolTip(
                f"Test image {mistake.image:,}: {true}, taken for {predicted} with a probability of {confidence}"
            )
            item.setData(Qt.ItemDataRole.AccessibleTextRole, item.toolTip())
            self.addItem(item)


def _shortened(name: str) -> str:
    """Shorten a class name; those of the user's folders can be of any length."""
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1]}…"


def _icon(mistake: Mistake) -> QIcon:
    """Return the image enlarged without interpolation, so that each pixel is visible."""
    pixmap = QPixmap.fromImage(to_qimage(mistake.pixels))
    return QIcon(pixmap.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio))
