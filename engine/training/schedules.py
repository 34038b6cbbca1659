"""Learning rates of runs, from Keras' schedules."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import (
    CosineDecay,
    ExponentialDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
)

from engine.config.specs import RunSpec
from engine.training.timetable import Timetable


def make_learning_rate(run: RunSpec, timetable: Timetable) -> float | LearningRateSchedule:
    """Return the learning rate of ``run``: a number, or a schedule over its steps as ``ScheduleSpec`` describes.

    Either can be changed during training.
    """
    rate = _scheduled_rate(run, timetable)
    return OverridableRate(rate) if isinstance(rate, LearningRateSchedule) else rate


class OverridableRate(LearningRateSchedule):
    """A schedule that can be overridden during training.

    Keras refuses to set the rate of an optimiser that has a schedule, and the steps are already compiled, so the
    schedule reads a variable.
    """

    def __init__(self, schedule: LearningRateSchedule) -> None:
        self.schedule = schedule
        self.manual_rate = tf.Variable(-1.0, trainable=False)  # negative: not overridden

    def __call__(self, step: Any) -> Any:
        """Return the rate of ``step``, counted from 0."""
        return tf.where(self.manual_rate < 0, self.schedule(step), self.manual_rate)

    def override(self, rate: float) -> None:
        """Use ``rate`` from the next step on."""
        self.manual_rate.assign(rate)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration of the schedule, for Keras."""
        return dict(self.schedule.get_config())


def _scheduled_rate(run: RunSpec, timetable: Timetable) -> float | LearningRateSchedule:
    schedule = run.schedule
    match schedule.kind:
        case "constant":
            return run.training.learning_rate
        case "plateau":
            return schedule.rates[0]  # a callback changes it
        case "step" if not schedule.switches:
            return schedule.rates[0]
        case "step":
            # Keras counts steps from 0 and uses the old value at the boundary itself.
            boundaries = [epoch * timetable.steps_per_epoch - 1 for epoch in schedule.switches]
            return PiecewiseConstantDecay(boundaries, list(schedule.rates))
        case "exponential":
            low, high = schedule.rates
            return ExponentialDecay(low, max(timetable.total_steps - 1, 1), high / low)
        case "cosine":
            return CosineDecay(schedule.rates[0], timetable.total_steps)


def rate_at(rate: float | LearningRateSchedule, optimizer: keras.optimizers.Optimizer, step: int) -> float:
    """Return the learning rate that step ``step`` used.

    Args:
        rate: the learning rate given to the optimiser.
        optimizer: the optimiser.
        step: counted from 1.
    """
    value = rate(step - 1) if isinstance(rate, LearningRateSchedule) else optimizer.learning_rate
    # Shortest decimal that rounds to this float32: 0.1 instead of 0.10000000149011612.
    return float(str(np.float32(value)))
