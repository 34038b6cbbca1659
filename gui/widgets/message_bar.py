"""Bar for error messages."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton


class MessageBar(QFrame):
    """A line above the tabs, hidden while empty; a new message replaces the old one."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("message_bar")
        self._text = QLabel()
        self._text.setObjectName("message")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        dismiss = QToolButton()
        dismiss.setObjectName("dismiss_message")
        dismiss.setText("✕")
        dismiss.setToolTip("Dismiss (Esc)")
        dismiss.setAutoRaise(True)
        dismiss.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.addWidget(self._text, 1)
        layout.addWidget(dismiss, 0, Qt.AlignmentFlag.AlignTop)
        # Active only while the bar is visible.
        shortcut = QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.clear)
        shortcut.setWhatsThis("Close the message")
        self.clear()

    @property
    def text(self) -> str:
        """The displayed message, or an empty string."""
        return self._text.text()

    def show_error(self, sentence: str) -> None:
        """Show a message that says what is wrong and what to do."""
        self._text.setText(sentence)
        self.show()

    def clear(self) -> None:
        """Hide the bar."""
        self._text.clear()
        self.hide()
