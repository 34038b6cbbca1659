"""Turns what the model measured into records."""

from __future__ import annotations

import time
from collections.abc import Callable

import keras
import tensorflow as tf

from engine.arrays import Array
from engine.events import Emit, Record
from engine.training.model import Measurement


class Recorder(keras.callbacks.Callback):
    """Emits a :class:`~engine.events.Record` at every recorded step.

    Args:
        run: the run's number in the store.
        images: validation images, float32 [n, h, w, c].
        labels: validation labels, int32 [n].
        emit: takes the records.
        clock: seconds, monotonic; replaced in tests.
    """

    def __init__(
        self, run: int, images: Array, labels: Array, emit: Emit, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        super().__init__()
        self._run, self._emit, self._clock = run, emit, clock
        self._images, self._labels = tf.constant(images), tf.constant(labels)
        self._begin = 0.0
        self._held_at: float | None = None
        self._pending: list[Measurement] = []
        self.last: Record | None = None

    @property
    def seconds(self) -> float:
        """Wall time since training began, the time during which it was held left out."""
        return (self._clock() if self._held_at is None else self._held_at) - self._begin

    def hold_clock(self) -> None:
        """Let the clock stand still."""
        self._held_at = self._clock()

    def release_clock(self) -> None:
        """Let the clock go on from where it stands."""
        if self._held_at is not None:
            self._begin += self._clock() - self._held_at
            self._held_at = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self._begin = self._clock()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Collect a piece of training; record when it ends at a recorded step."""
        measurement = self.model.measurement
        if measurement is None:
            return
        self._pending.append(measurement)
        if measurement.piece.ends_with_record:
            self._record(measurement)

    def _record(self, measurement: Measurement) -> None:
        steps = sum(m.piece.steps for m in self._pending)
        found = self.model.measure(self._images, self._labels)
        self.last = Record(
            run=self._run,
            step=measurement.piece.stop,
            epoch=(measurement.piece.stop - 1) // self.model.timetable.steps_per_epoch + 1,
            seconds=self.seconds,
            training_loss=sum(m.loss_sum for m in self._pending) / steps,
            training_accuracy=sum(m.accuracy_sum for m in self._pending) / steps,
            validation_loss=found.loss,
            validation_accuracy=found.accuracy,
            learning_rate=self.model.learning_rate_at(measurement.piece.stop),
            gradient_norms=measurement.gradient_norms,
            update_ratios=measurement.update_ratios,
            dead_units=found.dead_units,
            activation_means=found.activation_means,
            activation_deviations=found.activation_deviations,
        )
        self._pending.clear()
        self._emit(self.last)
