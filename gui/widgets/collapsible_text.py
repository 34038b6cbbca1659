"""A text that can be collapsed: what to look at, and what it means; and the button that collapses it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QToolButton, QVBoxLayout, QWidget


class FoldButton(QToolButton):
    """A button with an arrow that shows and hides ``content``.

    Args:
        content: the widget below it; ``expand`` is called once it has a parent, as it would be a window before.
        text: its text.
        name: its objectName.
    """

    def __init__(self, content: QWidget, text: str, name: str) -> None:
        super().__init__()
        self._content = content
        self.setObjectName(name)
        self.setText(text)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setAutoRaise(True)
        self.setCheckable(True)
        self.toggled.connect(self.expand)

    def expand(self, expanded: bool) -> None:
        """Show or hide the content."""
        self.setChecked(expanded)
        self.setArrowType(Qt.ArrowType.DownArrow if expanded else Qt.ArrowType.RightArrow)
        self._content.setVisible(expanded)


class CollapsibleText(QWidget):
    """A short text in simple HTML under a button that collapses it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setObjectName("lesson")
        label = QLabel(text)
        label.setObjectName("lesson_text")
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.RichText)
        button = FoldButton(label, "What to look at", "lesson_toggle")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(button)
        layout.addWidget(label)
        button.expand(True)
