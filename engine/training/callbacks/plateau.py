"""Lowers the learning rate when validation accuracy stops improving."""

from __future__ import annotations

from typing import Any

import keras

from engine.config.rate_schedule import ScheduleSpec
from engine.training.callbacks.recorder import Recorder
from engine.training.model import MeasuredModel

FACTOR = 0.1
QUANTITY = "val_accuracy"


class LowerOnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' callback on the validation accuracy of the last record; epochs without a record are ignored.

    So are those whose last record is in the warm-up, after which the rate is that of the schedule.

    Args:
        recorder: the callback whose records are monitored; it must come before this one.
        schedule: patience and minimum improvement.
        warm_up: number of steps of the warm-up.
    """

    def __init__(self, recorder: Recorder, schedule: ScheduleSpec, warm_up: int) -> None:
        super().__init__(QUANTITY, FACTOR, schedule.patience, mode="max", min_delta=schedule.delta)
        self._recorder, self._warm_up = recorder, warm_up
        self._last_step = 0  # of the last record evaluated
        self._restored: dict[str, Any] = {}

    def set_model(self, model: MeasuredModel) -> None:
        """Set the model whose rate is lowered; Keras calls it."""
        super().set_model(_RateOf(model))

    @property
    def state(self) -> dict[str, Any]:
        """Its state as plain values, for ``restore``."""
        best = None if self.best is None else float(self.best)
        return {"best": best, "wait": self.wait, "cooldown": self.cooldown_counter, "told": self._last_step}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from ``state`` when training begins."""
        self._restored = state

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Reset the state, or restore that of the interrupted run."""
        super().on_train_begin(logs)
        if self._restored:
            self.best, self.wait = self._restored["best"], self._restored["wait"]
            self.cooldown_counter, self._last_step = self._restored["cooldown"], self._restored["told"]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Lower the rate if accuracy has not improved for ``patience`` epochs."""
        last = self._recorder.last
        if last is not None and last.step > max(self._last_step, self._warm_up):
            self._last_step = last.step
            super().on_epoch_end(epoch, {QUANTITY: last.validation_accuracy})


class _RateOf:
    """The learning rate of a model in the place where Keras' callback reads and sets it.

    Keras refuses to set the rate of an optimiser that has a schedule, as a warm-up is; ``MeasuredModel`` overrides it.
    """

    def __init__(self, model: MeasuredModel) -> None:
        self._model = model

    @property
    def optimizer(self) -> _RateOf:
        """What has the learning rate."""
        return self

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step."""
        return self._model.optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._model.set_learning_rate(rate)
