"""Obeys what is asked of a training, and ends it when it has diverged."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import keras

from engine.events.commands import Command, Control, Poll, SetLearningRate, SkipRun
from engine.events.runs import Intervention, InterventionKind, is_finite
from engine.events.tasks import Emit
from engine.training.callbacks.recorder import Recorder


class ObeyControls(keras.callbacks.Callback):
    """Polls for commands after every piece of training; holds it while paused, remembers what ended it.

    Args:
        run: the run's number in the store.
        recorder: the callback that records, whose clock stands still while paused; it must stand before this one.
        poll: gives the next command.
        emit: takes an :class:`~engine.events.runs.Intervention` for all that does not end the run.
        rates: learning rates set by hand in an earlier life of the run, each with the step after which it was set:
            they are set again as it passes there.
    """

    def __init__(
        self, run: int, recorder: Recorder, poll: Poll, emit: Emit, rates: Sequence[tuple[int, float]] = ()
    ) -> None:
        super().__init__()
        self._rates = deque(rates)
        self._run, self._recorder, self._poll, self._emit = run, recorder, poll, emit
        self._paused = False
        self._steps_left = 0  # recording intervals to train before it is held again
        self.received: Control | SkipRun | None = None

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Do what has been asked since the last piece; while paused, wait for more."""
        while self._rates and self._rates[0][0] <= self._step:
            self.model.use_learning_rate(self._rates.popleft()[1])
        piece = self.model.measurement and self.model.measurement.piece
        if self._steps_left and piece is not None and piece.ends_with_record:
            self._steps_left -= 1
            if not self._steps_left:
                self._pause()
        while self.received is None and (command := self._poll(wait=True) if self._paused else self._poll()):
            self._obey(command)

    def _obey(self, command: Command) -> None:
        match command:
            case Control.STOP | Control.CANCEL | Control.SUSPEND | SkipRun():
                self._go_on()
                self.received = command
                self.model.stop_training = True
            case Control.PAUSE:
                self._steps_left = 0
                self._pause()
            case Control.RESUME:
                self._steps_left = 0
                self._go_on()
            case Control.STEP if self._paused or self._steps_left:
                self._steps_left += 1
                self._go_on()
            case SetLearningRate(rate):
                self.model.use_learning_rate(rate)
                self._note(InterventionKind.LEARNING_RATE, rate)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._recorder.hold_clock()
            self._note(InterventionKind.PAUSED)

    def _go_on(self) -> None:
        if self._paused:
            self._paused = False
            self._recorder.release_clock()
            self._note(InterventionKind.RESUMED)

    def _note(self, kind: InterventionKind, value: float | None = None) -> None:
        self._emit(Intervention(self._run, self._step, self._recorder.seconds, kind, value))

    @property
    def _step(self) -> int:
        return int(self.model.optimizer.iterations.numpy())


class StopOnDivergence(keras.callbacks.Callback):
    """Stops when a loss or gradient of a record is NaN or infinite: nothing can be learned from there on.

    Args:
        recorder: the callback whose records are watched; it must stand before this one.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stop once the last record is not sound."""
        if self._recorder.last is not None and not is_finite(self._recorder.last):
            self.model.stop_training = True
