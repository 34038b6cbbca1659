"""The one place where errors appear."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton


class MessageBar(QFrame):
    """A line above the tabs, hidden while there is nothing to say; a new message takes the place of the old one."""

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
        # Heard while the bar is in sight alone.
        clearing = QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.clear)
        clearing.setWhatsThis("Close the message")
        self.clear()

    @property
    def text(self) -> str:
        """The message in sight, or nothing."""
        return self._text.text()

    def show_error(self, sentence: str) -> None:
        """Show a sentence that says what is wrong and what to do."""
        self._text.setText(sentence)
        self.show()

    def clear(self) -> None:
        """Hide the bar."""
        self._text.clear()
        self.hide()
