"""The buttons below a form: run, and everything that can be asked of a training under way."""

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
    """What the experiment of a tab is doing."""

    IDLE = "idle"
    TRAINING = "training"
    PAUSED = "paused"
    STOPPING = "stopping"  # it may still be cancelled
    CANCELLING = "cancelling"  # what doesn't obey may still be ended by force


@dataclass(frozen=True)
class TrainingCommand:
    """What can be asked for: its words in a menu and on a button, in which states, and whether it needs runs."""

    name: str
    text: str
    label: str
    tip: str
    states: tuple[ExperimentState, ...]
    of_runs: bool = True


UNDER_WAY = (ExperimentState.TRAINING, ExperimentState.PAUSED)
RUN, RATE = "run", "rate"  # one is not asked of a training under way, the other has a box instead of a button
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
USUAL_RATE = 1e-3  # until a run tells its own
RUN_NOW, RUN_LATER = "Run", "Queue"
LATER_TIP = "Put what the form describes into the queue: it runs when its turn comes"


class ControlBar(QWidget):
    """Emits ``run_pressed()``, ``pressed(name of another button)``, ``place_chosen(number of it in the list)`` and
    ``rate_given(rate)``."""

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
        self._followed = 0.0  # what the box shows unless somebody has written there
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
        """Runs what the form describes, or puts it into the queue."""
        return self._commands[RUN]

    @property
    def steering(self) -> list[QAction]:
        """What can be asked of the training under way."""
        return [action for name, action in self._commands.items() if name != RUN]

    @property
    def rate(self) -> float:
        """The learning rate in the box."""
        return self._rate.value()

    def show_rate(self, rate: float) -> None:
        """Let the box follow a learning rate, unless somebody has written another one there."""
        if not self._rate.hasFocus() and self._rate.value() == self._followed:
            self._rate.setValue(rate)
            self._followed = self._rate.value()

    def show_places(self, titles: Sequence[str], chosen: int) -> None:
        """Offer the places that can train, and another cluster as one more."""
        self._places.clear()
        self._places.addItems([*titles, ANOTHER_CLUSTER])
        self._places.setCurrentIndex(chosen)

    def focus_rate(self) -> None:
        """Let the user write a learning rate."""
        self._rate.setFocus()
        self._rate.selectAll()

    def show_state(self, state: ExperimentState) -> None:
        """Enable what can be asked for; the focus stays here where a button that has it no longer can be pressed."""
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
        """Say whether pressing Run would begin at once or has to wait for its turn."""
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
        self._places.setMinimumContentsLength(1)  # a long address does not widen the panel
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
        self._rate.setValue(USUAL_RATE)
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
