"""Lowers the learning rate when validation accuracy stops improving."""

from __future__ import annotations

from typing import Any

import keras

from engine.config.specs import ScheduleSpec
from engine.training.callbacks.recorder import Recorder

FACTOR = 0.1
QUANTITY = "val_accuracy"


class LowerOnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' callback on the validation accuracy of the last record; epochs without a record are ignored.

    Args:
        recorder: the callback whose records are monitored; it must come before this one.
        schedule: patience and minimum improvement.
    """

    def __init__(self, recorder: Recorder, schedule: ScheduleSpec) -> None:
        super().__init__(QUANTITY, FACTOR, schedule.patience, mode="max", min_delta=schedule.delta)
        self._recorder = recorder
        self._last_step = 0  # of the last record evaluated
        self._restored: dict[str, Any] = {}

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
        if last is not None and last.step > self._last_step:
            self._last_step = last.step
            super().on_epoch_end(epoch, {QUANTITY: last.validation_accuracy})
