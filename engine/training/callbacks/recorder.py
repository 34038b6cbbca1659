"""Turns what the model measured into records."""

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
    """Emits a :class:`~engine.events.runs.Record` at every recorded step.

    Args:
        run: the run's number in the store.
        emit: takes the records.
        clock: seconds, monotonic; replaced in tests.
    """

    def __init__(self, run: int, emit: Emit, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self._run, self._emit, self._clock = run, emit, clock
        self._begin = 0.0
        self._held_at: float | None = None
        self._steps: list[int] = []  # of the pieces since the last record, as the sums are
        self._losses: list[float] = []
        self._accuracies: list[float] = []
        self._seconds_before = 0.0  # it went on for so long before it was interrupted
        self.last: Record | None = None

    @property
    def state(self) -> dict[str, Any]:
        """What it remembers, as plain values; :meth:`restore` takes them back."""
        return {
            "seconds": self.seconds,
            "last": asdict(self.last) if self.last is not None else None,
            "steps": list(self._steps),
            "losses": list(self._losses),
            "accuracies": list(self._accuracies),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :attr:`state`, before training begins."""
        self._seconds_before = state["seconds"]
        self._steps, self._losses, self._accuracies = state["steps"], state["losses"], state["accuracies"]
        if state["last"] is not None:
            self.last = Record(**state["last"])

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
        self._begin = self._clock() - self._seconds_before

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Collect a piece of training; record when it ends at a recorded step."""
        measurement = self.model.measurement
        if measurement is None:
            return
        self._steps.append(measurement.piece.steps)
        self._losses.append(measurement.loss_sum)
        self._accuracies.append(measurement.accuracy_sum)
        if measurement.validation is not None:
            self._record(measurement, measurement.validation)

    def _record(self, measurement: Measurement, found: Evaluation) -> None:
        steps = sum(self._steps)
        self.last = Record(
            run=self._run,
            step=measurement.piece.stop,
            epoch=(measurement.piece.stop - 1) // self.model.timetable.steps_per_epoch + 1,
            seconds=self.seconds,
            training_loss=sum(self._losses) / steps,
            training_accuracy=sum(self._accuracies) / steps,
            validation_loss=found.loss,
            validation_accuracy=found.accuracy,
            learning_rate=self.model.learning_rate_at(measurement.piece.stop),
            gradient_norms=measurement.gradient_norms,
            update_ratios=measurement.update_ratios,
            dead_units=found.dead_units,
            activation_means=found.activation_means,
            activation_deviations=found.activation_deviations,
        )
        self._steps, self._losses, self._accuracies = [], [], []
        self._emit(self.last)
