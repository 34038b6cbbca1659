"""Error message, with a button if something can be done about it at once."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QSizePolicy, QToolButton


class MessageBar(QFrame):
    """A sentence, hidden while empty; a new message replaces the old one."""

    def __init__(self) -> None:
        super().__init__()
        self._act: Callable[[], None] | None = None
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
        self._action = QPushButton()
        self._action.setObjectName("message_action")
        self._action.clicked.connect(self._perform)
        layout = QGridLayout(self)
        layout.setContentsMargins(12, 6, 6, 6)
        layout.setColumnStretch(0, 1)
        layout.addWidget(self._text, 0, 0)
        layout.addWidget(dismiss, 0, 1, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._action, 1, 0, Qt.AlignmentFlag.AlignLeft)
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
        self._action.hide()
        self.show()

    def offer(self, sentence: str, text: str, act: Callable[[], None]) -> None:
        """Show a message with a button called ``text`` that clears it and calls ``act``."""
        self.show_error(sentence)
        self._act = act
        self._action.setText(text)
        self._action.show()

    def clear(self) -> None:
        """Hide the bar."""
        self._text.clear()
        self._act = None
        self.hide()

    def _perform(self) -> None:
        act = self._act
        self.clear()
        if act is not None:
            act()
