"""Page with a title, a text and one button, shown where there is nothing to see yet."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout

TEXT_WIDTH = 72  # characters; longer lines are hard to read


@dataclass(frozen=True)
class Invitation:
    """Texts of a start page; ``welcome`` marks the one of the first start."""

    title: str
    text: str
    button: str
    tip: str
    welcome: bool = False


class StartPage(QFrame):
    """Title, text and one button; emits ``pressed(is_welcome)``."""

    pressed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("start_page")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._welcome = False
        self._title, self._text, self._button, self._estimate = QLabel(), QLabel(), QPushButton(), QLabel()
        self._title.setObjectName("start_title")
        self._text.setObjectName("start_text")
        self._button.setObjectName("start_button")
        self._estimate.setObjectName("start_estimate")
        self._title.setFont(_larger(self._title.font(), 1.7))
        self._button.setFont(_larger(self._button.font(), 1.15))
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setWordWrap(True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._button.clicked.connect(lambda _checked=False: self.pressed.emit(self._welcome))
        self._arrange()

    def show_invitation(self, invitation: Invitation) -> None:
        """Show the texts of ``invitation``."""
        self._welcome = invitation.welcome
        self._title.setText(invitation.title)
        self._text.setText(invitation.text)
        self._text.setFixedHeight(self._text.heightForWidth(self._text.width()))
        self._button.setText(invitation.button)
        self._button.setToolTip(invitation.tip)

    @property
    def is_welcome(self) -> bool:
        """Whether it shows the welcome of the first start, whose button runs the quick preset."""
        return self._welcome

    def show_estimate(self, text: str) -> None:
        """Show what the button's experiment will take."""
        self._estimate.setText(text)

    def set_enabled(self, possible: bool) -> None:
        """Enable or disable the button."""
        self._button.setEnabled(possible)

    def _arrange(self) -> None:
        self._text.setFixedWidth(TEXT_WIDTH * self.fontMetrics().averageCharWidth())
        layout = QVBoxLayout(self)
        layout.setSpacing(16)
        layout.addStretch(2)
        for widget in (self._title, self._text, self._button, self._estimate):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)


def _larger(font: QFont, factor: float) -> QFont:
    font.setPointSizeF(factor * font.pointSizeF())
    font.setBold(True)
    return font
