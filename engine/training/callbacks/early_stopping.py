"""Ends training when validation stops improving, and keeps the weights of the best epoch."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from engine.config.early_stopping import EarlyStoppingSpec
from engine.events.runs import KeptWeights
from engine.training.callbacks.recorder import Recorder
from engine.utils.arrays import Array

MODES = {"val_accuracy": "max", "val_loss": "min"}


@dataclass(frozen=True)
class StoppingState:
    """State of ``StopEarly``, for checkpoints.

    Attributes:
        best: best value so far; None before the first.
        best_epoch: its epoch, from 0.
        best_step: the last step of that epoch.
        wait: epochs since.
        last_step: of the last record evaluated.
        weights: of the network after the best epoch; empty before.
    """

    best: float | None
    best_epoch: int
    best_step: int
    wait: int
    last_step: int
    weights: tuple[Array, ...] = ()


class StopEarly(keras.callbacks.EarlyStopping):
    """Keras' callback on the last record of each epoch; epochs without a record are ignored.

    When training ends, in whatever way, the network gets the weights of the best epoch, or their average if one is
    kept, as that is what was validated.

    Args:
        recorder: the callback whose records are monitored; it must come before this one.
        spec: monitored quantity, patience and minimum improvement.
    """

    def __init__(self, recorder: Recorder, spec: EarlyStoppingSpec) -> None:
        super().__init__(
            spec.early_stopping,
            spec.stop_delta,
            spec.stop_patience,
            mode=MODES[spec.early_stopping],
            restore_best_weights=True,
        )
        self._recorder = recorder
        self._last_step = 0  # of the last record evaluated
        self._best_step = 0
        self._restored: StoppingState | None = None

    @property
    def state(self) -> StoppingState:
        """Its state, for ``restore``."""
        best = None if self.best is None else float(self.best)
        weights = tuple(self.best_weights or ())
        return StoppingState(best, self.best_epoch, self._best_step, self.wait, self._last_step, weights)

    def restore(self, state: StoppingState) -> None:
        """Resume from ``state`` when training begins."""
        self._restored = state

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Reset the state, or restore that of the interrupted run."""
        super().on_train_begin(logs)
        if (state := self._restored) is not None:
            self.best, self.best_epoch, self.wait = state.best, state.best_epoch, state.wait
            self._best_step, self._last_step = state.best_step, state.last_step
            self.best_weights = list(state.weights) or None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keep the weights if they are the best, or end training if there were none better for ``patience`` epochs.

        An epoch that the user ended counts as far as it went, but early stopping did not end training then.
        """
        last, is_ended = self._recorder.last, self.model.stop_training
        if last is None or last.step <= self._last_step:
            return
        self._last_step = last.step
        super().on_epoch_end(epoch, {"val_accuracy": last.validation_accuracy, "val_loss": last.validation_loss})
        if self.best_epoch == epoch:
            self.best_weights, self._best_step = self.model.validated_weights(), self._step
        if is_ended:
            self.stopped_epoch = 0

    @property
    def kept(self) -> KeptWeights | None:
        """Which weights the network has after training; None if those of its last step."""
        if self.best_weights is None or self._best_step == self._step:
            return None
        timetable = self.model.timetable
        epochs = -(-self._step // timetable.steps_per_epoch)
        return KeptWeights(self._best_step, self.best_epoch + 1, epochs, timetable.epochs, self.stopped_epoch > 0)

    @property
    def _step(self) -> int:
        return int(self.model.optimizer.iterations.numpy())
