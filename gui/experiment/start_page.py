"""What stands where plots will be, before there is anything to plot."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from engine.experiments.base import Experiment, TrainingExperiment

TEXT_WIDTH = 72  # characters; longer lines are hard to read


@dataclass(frozen=True)
class Invitation:
    """Words of a start page; ``welcome`` marks the first start."""

    title: str
    text: str
    button: str
    tip: str
    welcome: bool = False


WELCOME = Invitation(
    "Watch neural networks learn",
    "Five networks, from one hidden layer to five convolutions, learn to read 1,797 handwritten digits that come with "
    "the program. Here you will see how the loss falls and the accuracy rises while they train, what their first "
    "layers come to look at, and in the end which of them reads best. It takes about half a minute, and nothing is "
    "downloaded.",
    "Train five &networks on handwritten digits",
    "Fill in the quick preset and run it",
    welcome=True,
)


def invitation(experiment: Experiment) -> Invitation:
    """The words for an experiment that has not been run since the window opened."""
    return Invitation(
        experiment.title,
        f"{experiment.summary} Run what the form on the left describes, and its curves appear here.",
        "&Run this experiment",
        "Carry out what the form describes",
    )


class StartPage(QFrame):
    """A title, a few sentences and one button; emits ``pressed(whether it was the welcome)``."""

    pressed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("start_page")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._welcome = False
        self._title, self._text, self._button = QLabel(), QLabel(), QPushButton()
        self._title.setObjectName("start_title")
        self._text.setObjectName("start_text")
        self._button.setObjectName("start_button")
        self._title.setFont(_larger(self._title.font(), 1.7))
        self._button.setFont(_larger(self._button.font(), 1.15))
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setWordWrap(True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._button.clicked.connect(lambda _checked=False: self.pressed.emit(self._welcome))
        self._arrange()

    def show_invitation(self, words: Invitation) -> None:
        """Show other words."""
        self._welcome = words.welcome
        self._title.setText(words.title)
        self._text.setText(words.text)
        self._text.setFixedHeight(self._text.heightForWidth(self._text.width()))
        self._button.setText(words.button)
        self._button.setToolTip(words.tip)

    def set_enabled(self, possible: bool) -> None:
        """Whether the button can be pressed."""
        self._button.setEnabled(possible)

    def _arrange(self) -> None:
        self._text.setFixedWidth(TEXT_WIDTH * self.fontMetrics().averageCharWidth())
        layout = QVBoxLayout(self)
        layout.setSpacing(16)
        layout.addStretch(2)
        for widget in (self._title, self._text, self._button):
            layout.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)


class Stage(QStackedWidget):
    """A board, or its start page while nothing has been run; a computed experiment's board has something at once."""

    pressed = Signal(bool)

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self._page, self._area = StartPage(), _scroll_area()
        self._page.show_invitation(invitation(experiment))
        self._page.pressed.connect(self.pressed.emit)
        self.addWidget(self._page)
        self.addWidget(self._area)
        self.setCurrentWidget(self._page if isinstance(experiment, TrainingExperiment) else self._area)

    def welcome(self) -> None:
        """Greet somebody who starts the program for the first time."""
        self._page.show_invitation(WELCOME)

    def put_board(self, board: QWidget) -> None:
        """Have ``board`` ready to be shown."""
        self._area.setWidget(board)

    def show_board(self) -> None:
        """There is something to see now."""
        self.setCurrentWidget(self._area)

    def set_runnable(self, runnable: bool) -> None:
        """Whether an experiment can be started."""
        self._page.set_enabled(runnable)


def _scroll_area() -> QScrollArea:
    """For a board, which scrolls where a small screen or a large font leaves it too little room."""
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
