"""A single-line label that is elided to fit, with the full text as tool tip."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class ElidedLabel(QLabel):
    """Plain text that ends in … if it does not fit; the tool tip then shows all of it."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def setText(self, text: str) -> None:  # noqa: N802
        """Set the text and update the tool tip."""
        super().setText(text)
        self._update_tool_tip()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the height of the text and no width."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Update the tool tip."""
        super().resizeEvent(event)
        self._update_tool_tip()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Paint the elided text."""
        self.style().drawItemText(
            QPainter(self),
            self.contentsRect(),
            self.alignment(),
            self.palette(),
            self.isEnabled(),
            self._shown(),
            self.foregroundRole(),
        )

    def _shown(self) -> str:
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.contentsRect().width())

    def _update_tool_tip(self) -> None:
        self.setToolTip("" if self._shown() == self.text() else self.text())
