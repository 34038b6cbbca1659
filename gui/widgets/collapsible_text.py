"""A text that can be collapsed: what to look at, and what it means."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QToolButton, QVBoxLayout, QWidget


class CollapsibleText(QWidget):
    """A short text in simple HTML under a button that collapses it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setObjectName("lesson")
        self._text = QLabel(text)
        self._text.setObjectName("lesson_text")
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self._toggle = QToolButton()
        self._toggle.setObjectName("lesson_toggle")
        self._toggle.setText("What to look at")
        self._toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._toggle.setAutoRaise(True)
        self._toggle.setCheckable(True)
        self._toggle.toggled.connect(self._expand)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._toggle)
        layout.addWidget(self._text)
        self._toggle.setChecked(True)

    def _expand(self, expanded: bool) -> None:
        self._toggle.setArrowType(Qt.ArrowType.DownArrow if expanded else Qt.ArrowType.RightArrow)
        self._text.setVisible(expanded)
