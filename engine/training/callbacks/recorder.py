"""Converts the model's measurements to records."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import keras

from engine.events.runs import Record
from engine.events.tasks import Emit
from engine.training.evaluation import Evaluation
from engine.training.model import Measurement


class Recorder(keras.callbacks.Callback):
    """Emits a ``Record`` at every recorded step.

    Args:
        run: the run's number in the store.
        emit: receives the records.
        clock: seconds, monotonic; replaced in tests.
    """

    def __init__(self, run: int, emit: Emit, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self._run, self._emit, self._clock = run, emit, clock
        self._start = 0.0
        self._paused_at: float | None = None
        self._steps: list[int] = []  # of each segment since the last record, as the sums below
        self._losses: list[float] = []
        self._accuracies: list[float] = []
        self._seconds_before = 0.0  # training time before the run was resumed
        self.last: Record | None = None

    @property
    def state(self) -> dict[str, Any]:
        """Its state as plain values, for ``restore``."""
        return {
            "seconds": self.seconds,
            "last": asdict(self.last) if self.last is not None else None,
            "steps": list(self._steps),
            "losses": list(self._losses),
            "accuracies": list(self._accuracies),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from ``state``, before training begins."""
        self._seconds_before = state["seconds"]
        self._steps, self._losses, self._accuracies = state["steps"], state["losses"], state["accuracies"]
        if state["last"] is not None:
            self.last = Record(**state["last"])

    @property
    def seconds(self) -> float:
        """Wall time since training started, without pauses."""
        return (self._clock() if self._paused_at is None else self._paused_at) - self._start

    def pause_clock(self) -> None:
        """Stop the clock."""
        self._paused_at = self._clock()

    def resume_clock(self) -> None:
        """Restart the clock where it was stopped."""
        if self._paused_at is not None:
            self._start += self._clock() - self._paused_at
            self._paused_at = None

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self._start = self._clock() - self._seconds_before

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Add a segment; emit a record if it ends at a recorded step."""
        measurement = self.model.measurement
        if measurement is None:
            return
        self._steps.append(measurement.segment.steps)
        self._losses.append(measurement.loss_sum)
        self._accuracies.append(measurement.accuracy_sum)
        if measurement.validation is not None:
            self._record(measurement, measurement.validation)

    def _record(self, measurement: Measurement, validation: Evaluation) -> None:
        steps = sum(self._steps)
        self.last = Record(
            run=self._run,
            step=measurement.segment.stop,
            epoch=(measurement.segment.stop - 1) // self.model.timetable.steps_per_epoch + 1,
            seconds=self.seconds,
            training_loss=sum(self._losses) / steps,
            training_accuracy=sum(self._accuracies) / steps,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            learning_rate=self.model.learning_rate_at(measurement.segment.stop),
            gradient_norms=measurement.gradient_norms,
            update_ratios=measurement.update_ratios,
            dead_units=validation.dead_units,
            activation_means=validation.activation_means,
            activation_deviations=validation.activation_deviations,
        )
        self._steps, self._losses, self._accuracies = [], [], []
        self._emit(self.last)
