"""Placeholder text shown until there is content."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QLabel, QStackedWidget, QWidget


class Placeholder(QStackedWidget):
    """Shows either ``hint`` or ``content`` in the same place."""

    def __init__(self, hint: str, content: QWidget) -> None:
        super().__init__()
        self._label = label = QLabel(hint)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        label.setWordWrap(True)
        label.setFrameShape(QFrame.Shape.StyledPanel)
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.addWidget(label)
        self.addWidget(content)

    def set_hint(self, hint: str) -> None:
        """Set the placeholder text."""
        self._label.setText(hint)

    def show_hint(self, hint: str) -> None:
        """Show this placeholder text instead of the content."""
        self.set_hint(hint)
        self.show_content(False)

    def show_content(self, available: bool) -> None:
        """Show the content if it is available, otherwise the hint."""
        self.setCurrentIndex(1 if available else 0)
