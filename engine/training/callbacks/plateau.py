"""Lowers the learning rate where validation accuracy rests."""

from __future__ import annotations

from typing import Any

import keras

from engine.config.specs import ScheduleSpec
from engine.training.callbacks.recorder import Recorder

FACTOR = 0.1
QUANTITY = "val_accuracy"


class LowerOnPlateau(keras.callbacks.ReduceLROnPlateau):
    """Keras' callback, told the validation accuracy of the last record; an epoch without a record doesn't count.

    Args:
        recorder: the callback whose records are watched; it must stand before this one.
        schedule: patience and least rise.
    """

    def __init__(self, recorder: Recorder, schedule: ScheduleSpec) -> None:
        super().__init__(QUANTITY, FACTOR, schedule.patience, mode="max", min_delta=schedule.delta)
        self._recorder = recorder
        self._told = 0  # the step of the last record it was told of
        self._before: dict[str, Any] = {}

    @property
    def state(self) -> dict[str, Any]:
        """What it remembers, as plain values; :meth:`restore` takes them back."""
        best = None if self.best is None else float(self.best)
        return {"best": best, "wait": self.wait, "cooldown": self.cooldown_counter, "told": self._told}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :attr:`state`, before training begins."""
        self._before = state

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Forget what another training left, or remember what this one had when it was interrupted."""
        super().on_train_begin(logs)
        if self._before:
            self.best, self.wait = self._before["best"], self._before["wait"]
            self.cooldown_counter, self._told = self._before["cooldown"], self._before["told"]

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Lower the rate if accuracy has rested for long enough."""
        last = self._recorder.last
        if last is not None and last.step > self._told:
            self._told = last.step
            super().on_epoch_end(epoch, {QUANTITY: last.validation_accuracy})
