"""Page shown in place of the board before an experiment has run."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedWidget, QWidget

from engine.experiments.base import Experiment, TrainingExperiment
from gui.widgets.start_page import Invitation, StartPage

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
