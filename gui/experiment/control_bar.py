"""Buttons below a form: Run, and the commands to a running experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QWidget

from gui.widgets.actions import KEYS, action_button, make_action, with_key
from gui.widgets.spin_boxes import RateBox, WheelFilter

COLUMNS = 3


class ExperimentState(StrEnum):
    """State of the experiment of a tab."""

    IDLE = "idle"
    TRAINING = "training"
    PAUSED = "paused"
    STOPPING = "stopping"  # can still be cancelled
    CANCELLING = "cancelling"  # unresponsive processes can still be killed


@dataclass(frozen=True)
class TrainingCommand:
    """A command of the control bar.

    Attributes:
        name: key of the command.
        text: menu text.
        label: button text.
        tip: tool tip.
        states: states in which it is enabled.
        of_runs: whether it is only for experiments with runs.
    """

    name: str
    text: str
    label: str
    tip: str
    states: tuple[ExperimentState, ...]
    of_runs: bool = True


UNDER_WAY = (ExperimentState.TRAINING, ExperimentState.PAUSED)
RUN, RATE = "run", "rate"  # the first is not for a running experiment, the second has an input box instead of a button
COMMANDS = (
    TrainingCommand(
        RUN, "&Run or queue", "Run", "Carry out what the form describes", tuple(ExperimentState), of_runs=False
    ),
    TrainingCommand(
        "pause", "&Pause or resume", "Pause", "Hold every run after its next record, or let it go on", UNDER_WAY
    ),
    TrainingCommand(
        "step", "&Step to the next record", "Step", "Train up to the next record and hold there", UNDER_WAY
    ),
    TrainingCommand(
        "stop",
        "S&top and keep",
        "Stop",
        "End now and keep what was learned: networks are tested and saved",
        UNDER_WAY,
        of_runs=False,
    ),
    TrainingCommand(
        "cancel",
        "&Cancel",
        "Cancel",
        "End now without testing; records are kept; press again to end what doesn't obey",
        (*UNDER_WAY, ExperimentState.STOPPING, ExperimentState.CANCELLING),
        of_runs=False,
    ),
    TrainingCommand(
        "skip",
        "S&kip run",
        "Skip run",
        "Leave out the run chosen in the table, or else the one under way, and go on",
        UNDER_WAY,
    ),
    TrainingCommand(RATE, "Set learning r&ate", "", "Write a learning rate", UNDER_WAY),
)
RATE_TIP = (
    "<p>Learning rate for the rest of the run chosen in the table, or else of every run under way, from the next step "
    "on (F7). It is marked on the curves.</p>"
)
ANOTHER_CLUSTER = "Another cluster…"
PLACE_TIP = "Where networks are trained, in every tab: on this machine, or by the workers of a Dask cluster"
DEFAULT_RATE = 1e-3  # until a run reports its own
RUN_NOW, RUN_LATER = "Run", "Queue"
LATER_TIP = "Put what the form describes into the queue: it runs when its turn comes"


class ControlBar(QWidget):
    """The control buttons.

    Emits ``run_pressed()``, ``pressed(command name)`` for the other buttons, ``place_chosen(index)`` for the list of
    places of training, and ``rate_given(rate)``.

    Args:
        has_runs: whether the experiment has runs; otherwise only Run, Stop and Cancel are shown.
    """

    run_pressed = Signal()
    pressed = Signal(str)
    place_chosen = Signal(int)
    rate_given = Signal(float)

    def __init__(self, has_runs: bool) -> None:
        super().__init__()
        self.setObjectName("controls")
        self._has_runs = has_runs
        self._commands = {each.name: self._action(each) for each in COMMANDS if has_runs or not each.of_runs}
        self._buttons = [action_button(each, name) for name, each in self._commands.items() if name != RATE]
        self._rate, self._set_rate = RateBox(), QPushButton("Set")
        self._followed = 0.0  # the value set by the program; another one in the box is the user's
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        self._places = QComboBox()
        if has_runs:
            self._add_places(grid)
        for position, button in enumerate(self._buttons, COLUMNS if has_runs else 0):
            grid.addWidget(button, *divmod(position, COLUMNS))
        if has_runs:
            self._add_rate(grid, grid.rowCount())
        self.show_state(ExperimentState.IDLE)

    @property
    def run_action(self) -> QAction:
        """Action that runs or queues the experiment of the form."""
        return self._commands[RUN]

    @property
    def control_actions(self) -> list[QAction]:
        """Actions on the running experiment."""
        return [action for name, action in self._commands.items() if name != RUN]

    @property
    def rate(self) -> float:
        """The learning rate in the box."""
        return self._rate.value()

    def show_rate(self, rate: float) -> None:
        """Show the current learning rate in the box, unless the user has entered another one."""
        if not self._rate.hasFocus() and self._rate.value() == self._followed:
            self._rate.setValue(rate)
            self._followed = self._rate.value()

    def show_places(self, titles: Sequence[str], chosen: int) -> None:
        """List the places of training, followed by the choice of another cluster."""
        self._places.clear()
        self._places.addItems([*titles, ANOTHER_CLUSTER])
        self._places.setCurrentIndex(chosen)

    def focus_rate(self) -> None:
        """Move the focus to the learning rate."""
        self._rate.setFocus()
        self._rate.selectAll()

    def show_state(self, state: ExperimentState) -> None:
        """Enable the commands of ``state``; if the focused button is disabled, Run gets the focus."""
        focused = any(button.hasFocus() for button in self._buttons)
        for each in COMMANDS:
            if each.name in self._commands:
                self._commands[each.name].setEnabled(state in each.states)
        if self._has_runs:
            self._commands["pause"].setIconText("Resume" if state is ExperimentState.PAUSED else "Pause")
            for widget in (self._rate, self._set_rate):
                widget.setEnabled(state in UNDER_WAY)
        if focused and not any(button.hasFocus() for button in self._buttons):
            self._buttons[0].setFocus()

    def show_busy(self, busy: bool) -> None:
        """Label the Run button Queue if ``busy``, as an experiment is running."""
        self.run_action.setIconText(RUN_LATER if busy else RUN_NOW)
        self.run_action.setToolTip(with_key(LATER_TIP if busy else COMMANDS[0].tip, KEYS[RUN]))

    def _action(self, each: TrainingCommand) -> QAction:
        action = make_action(self, f"training_{each.name}", each.text, each.tip, KEYS[each.name], each.label)
        asked = {RUN: self.run_pressed.emit, RATE: self.focus_rate}.get(
            each.name, partial(self.pressed.emit, each.name)
        )
        action.triggered.connect(lambda _checked=False: asked())
        return action

    def _add_places(self, grid: QGridLayout) -> None:
        label = QLabel("Compute on")
        label.setBuddy(self._places)
        self._places.setObjectName("train_on")
        self._places.setAccessibleName("Where networks are trained")
        self._places.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._places.setMinimumContentsLength(1)  # so that a long address does not widen the panel
        self._places.installEventFilter(WheelFilter(self._places))
        self._places.activated.connect(self.place_chosen)
        for widget in (label, self._places):
            widget.setToolTip(PLACE_TIP)
        grid.addWidget(label, 0, 0)
        grid.addWidget(self._places, 0, 1, 1, COLUMNS - 1)

    def _add_rate(self, grid: QGridLayout, row: int) -> None:
        label = QLabel("Learning rate")
        label.setBuddy(self._rate)
        self._rate.setObjectName("rate_now")
        self._rate.setAccessibleName("Learning rate of the training under way")
        self._rate.setRange(1e-8, 1000)
        self._rate.setValue(DEFAULT_RATE)
        self._followed = self._rate.value()
        self._rate.installEventFilter(WheelFilter(self._rate))
        self._set_rate.setObjectName("set_rate")
        for column, widget in enumerate((label, self._rate, self._set_rate)):
            widget.setToolTip(RATE_TIP)
            grid.addWidget(widget, row, column)
        self._rate.lineEdit().returnPressed.connect(self._give_rate)
        self._set_rate.clicked.connect(self._give_rate)

    def _give_rate(self) -> None:
        self._rate.interpretText()
        self._followed = self._rate.value()
        self.rate_given.emit(self._rate.value())
