"""Handles commands during training, and stops a training that has diverged."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import keras

from engine.events.commands import Command, Control, Poll, SetLearningRate, SkipRun
from engine.events.runs import Intervention, InterventionKind, is_finite
from engine.events.tasks import Emit
from engine.training.callbacks.recorder import Recorder


class HandleCommands(keras.callbacks.Callback):
    """Polls for commands after every segment; blocks training while paused and remembers the command that ended it.

    Args:
        run: the run's number in the store.
        recorder: the callback that records, whose clock stops while paused; it must come before this one.
        poll: returns the next command.
        emit: receives an ``Intervention`` for each command that doesn't end the run.
        rates: learning rates that the user set before the run was resumed, each with the step after which it was set;
            they are applied again after the same steps.
    """

    def __init__(
        self, run: int, recorder: Recorder, poll: Poll, emit: Emit, rates: Sequence[tuple[int, float]] = ()
    ) -> None:
        super().__init__()
        self._rates = deque(rates)
        self._run, self._recorder, self._poll, self._emit = run, recorder, poll, emit
        self._paused = False
        self._intervals_left = 0  # to train before pausing again
        self.received: Control | SkipRun | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Handle the commands since the last segment; while paused, wait for more."""
        while self._rates and self._rates[0][0] <= self._step:
            self.model.set_learning_rate(self._rates.popleft()[1])
        segment = self.model.measurement and self.model.measurement.segment
        if self._intervals_left and segment is not None and segment.ends_with_record:
            self._intervals_left -= 1
            if not self._intervals_left:
                self._pause()
        while self.received is None and (command := self._poll(wait=True) if self._paused else self._poll()):
            self._handle(command)

    def _handle(self, command: Command) -> None:
        match command:
            case Control.STOP | Control.CANCEL | Control.SUSPEND | SkipRun():
                self._resume()
                self.received = command
                self.model.stop_training = True
            case Control.PAUSE:
                self._intervals_left = 0
                self._pause()
            case Control.RESUME:
                self._intervals_left = 0
                self._resume()
            case Control.STEP if self._paused or self._intervals_left:
                self._intervals_left += 1
                self._resume()
            case SetLearningRate(rate):
                self.model.set_learning_rate(rate)
                self._report(InterventionKind.LEARNING_RATE, rate)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._recorder.pause_clock()
            self._report(InterventionKind.PAUSED)

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._recorder.resume_clock()
            self._report(InterventionKind.RESUMED)

    def _report(self, kind: InterventionKind, value: float | None = None) -> None:
        self._emit(Intervention(self._run, self._step, self._recorder.seconds, kind, value))

    @property
    def _step(self) -> int:
        return int(self.model.optimizer.iterations.numpy())


class StopOnDivergence(keras.callbacks.Callback):
    """Stops training when a recorded loss or gradient is NaN or infinite, as nothing can be learned from then on.

    Args:
        recorder: the callback whose records are checked; it must come before this one.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stop if the last record is not finite."""
        if self._recorder.last is not None and not is_finite(self._recorder.last):
            self.model.stop_training = True
