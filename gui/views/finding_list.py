"""The list of findings, as high as they need."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListWidget

SWATCH = QSize(22, 10)
LEAST_HEIGHT = 24  # pixels: less than one finding, which then can be scrolled to


class FindingList(QListWidget):
    """Asks its layout for no room by itself: it takes the share it is given, up to what its items need."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName("findings")
        self.setAccessibleName(name)
        self.setWordWrap(True)
        self.setSpacing(1)
        self.setIconSize(SWATCH)
        self.setMinimumHeight(LEAST_HEIGHT)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)

    def sizeHint(self) -> QSize:  # noqa: N802
        """The share of the layout decides."""
        return QSize(0, LEAST_HEIGHT)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Another width wraps words elsewhere."""
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Grow no higher than the items are together."""
        self.doItemsLayout()
        last = self.visualItemRect(self.item(self.count() - 1))  # an empty rectangle where there is none
        needed = last.bottom() + 1 + self.verticalScrollBar().value() + self.spacing() + 2 * self.frameWidth()
        self.setMaximumHeight(max(needed, LEAST_HEIGHT))
