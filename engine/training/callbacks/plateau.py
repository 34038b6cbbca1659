"""Lowers the learning rate where validation accuracy rests."""

from __future__ import annotations

import keras

from engine.events import Record
from engine.spec import ScheduleSpec
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
        self._told: Record | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Lower the rate if accuracy has rested for long enough."""
        last = self._recorder.last
        if last is not None and last is not self._told:
            self._told = last
            super().on_epoch_end(epoch, {QUANTITY: last.validation_accuracy})
