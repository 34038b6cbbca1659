"""The buttons below a form: run, and everything that can be asked of a training under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QWidget

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
class Button:
    """One button: in which states it can be pressed, and whether it makes sense without runs."""

    name: str
    text: str
    tip: str
    states: tuple[ExperimentState, ...]
    of_runs: bool = True


UNDER_WAY = (ExperimentState.TRAINING, ExperimentState.PAUSED)
BUTTONS = (
    Button("run", "Run", "Carry out what the form describes (Ctrl+R)", tuple(ExperimentState), of_runs=False),
    Button("pause", "Pause", "Hold every run after its next record, or let it go on (F6)", UNDER_WAY),
    Button("step", "Step", "Train up to the next record and hold there (F10)", UNDER_WAY),
    Button(
        "stop", "Stop", "End now and keep what was learned: networks are tested and saved (Shift+F5)", UNDER_WAY, False
    ),
    Button(
        "cancel",
        "Cancel",
        "End now without testing; records are kept; press again to end what doesn't obey (Ctrl+Shift+F5)",
        (*UNDER_WAY, ExperimentState.STOPPING, ExperimentState.CANCELLING),
        of_runs=False,
    ),
    Button(
        "skip",
        "Skip run",
        "Leave out the run chosen in the table, or else the one under way, and go on (F8)",
        UNDER_WAY,
    ),
)
RATE_TIP = (
    "<p>Learning rate for the rest of the run chosen in the table, or else of every run under way, from the next step "
    "on (F7). It is marked on the curves.</p>"
)
ANOTHER_CLUSTER = "Another cluster…"
PLACE_TIP = "Where networks are trained, in every tab: on this machine, or by the workers of a Dask cluster"
USUAL_RATE = 1e-3  # until a run tells its own
RUN_NOW, RUN_LATER = "Run", "Queue"
LATER_TIP = "Put what the form describes into the queue: it runs when its turn comes (Ctrl+R)"


class ControlBar(QWidget):
    """Emits ``pressed(name of the button)``, ``place_chosen(number of it in the list)`` and ``rate_given(rate)``."""

    pressed = Signal(str)
    place_chosen = Signal(int)
    rate_given = Signal(float)

    def __init__(self, has_runs: bool) -> None:
        super().__init__()
        self.setObjectName("controls")
        self._has_runs = has_runs
        self._buttons = {each.name: self._button(each) for each in BUTTONS if has_runs or not each.of_runs}
        self._rate, self._set_rate = RateBox(), QPushButton("Set")
        self._followed = 0.0  # what the box shows unless somebody has written there
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        self._places = QComboBox()
        if has_runs:
            self._add_places(grid)
        for position, button in enumerate(self._buttons.values(), COLUMNS if has_runs else 0):
            grid.addWidget(button, *divmod(position, COLUMNS))
        if has_runs:
            self._add_rate(grid, grid.rowCount())
        self.show_state(ExperimentState.IDLE)

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
        focused = any(button.hasFocus() for button in self._buttons.values())
        for each in BUTTONS:
            if each.name in self._buttons:
                self._buttons[each.name].setEnabled(state in each.states)
        if self._has_runs:
            self._buttons["pause"].setText("Resume" if state is ExperimentState.PAUSED else "Pause")
            for widget in (self._rate, self._set_rate):
                widget.setEnabled(state in UNDER_WAY)
        if focused and not any(button.hasFocus() for button in self._buttons.values()):
            self._buttons["run"].setFocus()

    def show_busy(self, busy: bool) -> None:
        """Say whether pressing Run would begin at once or has to wait for its turn."""
        run = self._buttons["run"]
        run.setText(RUN_LATER if busy else RUN_NOW)
        run.setToolTip(LATER_TIP if busy else BUTTONS[0].tip)

    def _button(self, each: Button) -> QPushButton:
        button = QPushButton(each.text)
        button.setObjectName(each.name)
        button.setToolTip(each.tip)
        button.clicked.connect(lambda _checked=False: self.pressed.emit(each.name))
        return button

    def _add_places(self, grid: QGridLayout) -> None:
        label = QLabel("Train on")
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
