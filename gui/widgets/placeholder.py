"""A view that says what will appear in it, until it does."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QLabel, QStackedWidget, QWidget


class Placeholder(QStackedWidget):
    """Shows ``hint`` or ``content``, in the same place."""

    def __init__(self, hint: str, content: QWidget) -> None:
        super().__init__()
        self._label = label = QLabel(hint)
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        label.setWordWrap(True)
        label.setFrameShape(QFrame.Shape.StyledPanel)
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.addWidget(label)
        self.addWidget(content)

    def say(self, hint: str) -> None:
        """Give another hint."""
        self._label.setText(hint)

    def show_content(self, there_is: bool) -> None:
        """Show the content, or the hint where there is none."""
        self.setCurrentIndex(1 if there_is else 0)
