"""Commands to the running experiment of a tab: pause, step, stop, cancel, skip a run, set the learning rate."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from engine.events.commands import Control, SetLearningRate, SkipRun
from engine.events.runs import Status
from gui.experiment.control_bar import UNDER_WAY, ControlBar, ExperimentState
from gui.observations.experiment import Observations
from gui.observations.run import RunObservation


class RunControl(QObject):
    """Translates buttons into commands, and tracks the state of the runs.

    Emits ``command_given(command)``, ``state_changed(state)``, ``said(text)`` when stopping or cancelling, and
    ``failed(sentence)``.

    Args:
        bar: the buttons.
        observations: state of the runs.
        chosen_runs: returns the unfinished runs that the user selected.
        parent: the tab.
    """

    command_given = Signal(object)
    state_changed = Signal(object)
    said = Signal(str)
    failed = Signal(str)

    def __init__(
        self,
        bar: ControlBar,
        observations: Observations,
        chosen_runs: Callable[[], list[RunObservation]],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._bar, self._observations, self._chosen_runs = bar, observations, chosen_runs
        self._holding = False  # whether a pause was requested
        self.state = ExperimentState.IDLE
        bar.pressed.connect(self._press)
        bar.rate_given.connect(self._set_rate)

    @property
    def is_under_way(self) -> bool:
        """Whether the experiment is running and not being ended."""
        return self.state in UNDER_WAY

    def begin(self) -> None:
        """Enter the state of a started experiment."""
        self._holding = False
        self.show_state(ExperimentState.TRAINING)

    def show_state(self, state: ExperimentState) -> None:
        """Enter ``state`` and enable its commands."""
        self.state = state
        self._bar.show_state(state)
        self.state_changed.emit(state)

    def show_held(self) -> None:
        """Update the pause state as the runs report it; before any run has started, as it was requested."""
        if not self.is_under_way:
            return
        held = any(run.status is Status.PAUSED for run in self._observations.runs.values())
        if self._holding and (held or not self._observations.active_runs):
            self.show_state(ExperimentState.PAUSED)
        elif not self._holding and not held:
            self.show_state(ExperimentState.TRAINING)

    def offer_rate(self) -> None:
        """Show the learning rate of the run that a new rate would apply to."""
        # Such a command applies to the unfinished runs selected in the table, else to all active runs.
        targets = self._chosen_runs() or self._observations.active_runs
        rate = next((rate for run in targets if (rate := run.learning_rate) is not None), None)
        if rate is not None:
            self._bar.show_rate(rate)

    def _press(self, name: str) -> None:
        match name:
            case "pause":
                self._hold(not self._holding)
            case "step" if self._holding:
                self.command_given.emit(Control.STEP)
            case "step":
                self._hold(True)  # takes effect at the next record
            case "stop":
                self._end(Control.STOP, ExperimentState.STOPPING, "Stopping …")
            case "cancel" if self.state is ExperimentState.CANCELLING:
                self._end(Control.CANCEL, ExperimentState.CANCELLING, "Ending what doesn't obey …")
            case "cancel":
                self._end(Control.CANCEL, ExperimentState.CANCELLING, "Cancelling …")
            case "skip":
                self._skip(self._chosen_runs() or self._observations.active_runs[:1])

    def _skip(self, runs: list[RunObservation]) -> None:
        if not runs:
            self.failed.emit("No run is under way; choose the one to skip in the table.")
        for run in runs:
            self.command_given.emit(SkipRun(run.planned.run))

    def _hold(self, hold: bool) -> None:
        self._holding = hold
        self.command_given.emit(Control.PAUSE if hold else Control.RESUME)
        self.show_held()

    def _end(self, control: Control, state: ExperimentState, said: str) -> None:
        self.show_state(state)
        self.said.emit(said)
        self.command_given.emit(control)

    def _set_rate(self, rate: float) -> None:
        chosen = self._chosen_runs()
        begun: list[int | None] = [run.planned.run for run in chosen if run.status is not Status.QUEUED]
        if not begun and (chosen or not self._observations.active_runs):
            self.failed.emit("No such run has begun yet; its learning rate can be set once it trains.")
            return
        for number in begun or [None]:
            self.command_given.emit(SetLearningRate(rate, number))
