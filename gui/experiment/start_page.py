"""Page shown in place of the board before an experiment has run."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from engine.experiments.base import Experiment, TrainingExperiment

TEXT_WIDTH = 72  # characters; longer lines are hard to read


@dataclass(frozen=True)
class Invitation:
    """Texts of a start page; ``welcome`` marks the one of the first start."""

    title: str
    text: str
    button: str
    tip: str
    welcome: bool = False


WELCOME = Invitation(
    "Watch neural networks learn",
    "Five networks, from one hidden layer to five convolutions, learn to read 1,797 handwritten digits that come with "
    "the program. Here you will see how the loss falls and the accuracy rises while they train, what their first "
    "layers come to look at, and in the end which of them reads best. Nothing is downloaded.",
    "Train five &networks on handwritten digits",
    "Fill in the quick preset and run it",
    welcome=True,
)


def invitation_to(experiment: Experiment) -> Invitation:
    """Return the texts for an experiment that has not run since the window opened."""
    return Invitation(
        experiment.title,
        f"{experiment.summary} Run what the form on the left describes, and its curves appear here.",
        "&Run this experiment",
        "Carry out what the form describes",
    )


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


class BoardStack(QStackedWidget):
    """A board, or a start page before the first run; the board of an experiment without runs is shown at once."""

    pressed = Signal(bool)

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self._page, self._area = StartPage(), _scroll_area()
        self._page.show_invitation(invitation_to(experiment))
        self._page.pressed.connect(self.pressed.emit)
        self.addWidget(self._page)
        self.addWidget(self._area)
        self.setCurrentWidget(self._page if isinstance(experiment, TrainingExperiment) else self._area)

    def welcome(self) -> None:
        """Show the welcome of the first start."""
        self._page.show_invitation(WELCOME)

    @property
    def is_welcome(self) -> bool:
        """Whether the welcome of the first start is shown, or was."""
        return self._page.is_welcome

    def show_estimate(self, text: str) -> None:
        """Show below the button what its experiment will take."""
        self._page.show_estimate(text)

    def put_board(self, board: QWidget) -> None:
        """Set the board."""
        self._area.setWidget(board)

    def show_board(self) -> None:
        """Switch from the start page to the board."""
        self.setCurrentWidget(self._area)

    def set_runnable(self, runnable: bool) -> None:
        """Enable or disable the start button."""
        self._page.set_enabled(runnable)


def _scroll_area() -> QScrollArea:
    """Return a scroll area for a board that does not fit a small screen or large font."""
    area = QScrollArea()
    area.setObjectName("board_area")
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


def _larger(font: QFont, factor: float) -> QFont:
    font.setPointSizeF(factor * font.pointSizeF())
    font.setBold(True)
    return font
