"""Learning rates that change within a run, by Keras' schedules."""

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
    """The learning rate of ``run``: a number, or a schedule over its steps; see :class:`~engine.config.specs.ScheduleSpec`.

    Either can be changed by hand while the network trains.
    """
    rate = _planned_rate(run, timetable)
    return SteerableRate(rate) if isinstance(rate, LearningRateSchedule) else rate


class SteerableRate(LearningRateSchedule):
    """A schedule that follows ``planned`` until somebody takes the wheel.

    Keras refuses to set the rate of an optimiser that has a schedule, and the steps are compiled already, so the
    schedule itself looks at a variable.
    """

    def __init__(self, planned: LearningRateSchedule) -> None:
        self.planned = planned
        self.by_hand = tf.Variable(-1.0, trainable=False)  # below 0: nobody has

    def __call__(self, step: Any) -> Any:
        """The rate at ``step``, counted from 0."""
        return tf.where(self.by_hand < 0, self.planned(step), self.by_hand)

    def steer(self, rate: float) -> None:
        """Give ``rate`` from now on."""
        self.by_hand.assign(rate)

    def get_config(self) -> dict[str, Any]:
        """What Keras saves of the plan."""
        return dict(self.planned.get_config())


def _planned_rate(run: RunSpec, timetable: Timetable) -> float | LearningRateSchedule:
    schedule = run.schedule
    match schedule.kind:
        case "constant":
            return run.training.learning_rate
        case "plateau":
            return schedule.rates[0]  # a callback changes it
        case "step" if not schedule.switches:
            return schedule.rates[0]
        case "step":
            # Keras counts steps from 0 and still uses the old value at a boundary itself.
            boundaries = [epoch * timetable.steps_per_epoch - 1 for epoch in schedule.switches]
            return PiecewiseConstantDecay(boundaries, list(schedule.rates))
        case "exponential":
            low, high = schedule.rates
            return ExponentialDecay(low, max(timetable.total_steps - 1, 1), high / low)
        case "cosine":
            return CosineDecay(schedule.rates[0], timetable.total_steps)


def rate_at(rate: float | LearningRateSchedule, optimizer: keras.optimizers.Optimizer, step: int) -> float:
    """The learning rate that step ``step`` (counted from 1) used; ``rate`` is what the optimiser was given."""
    value = rate(step - 1) if isinstance(rate, LearningRateSchedule) else optimizer.learning_rate
    # The shortest number that rounds to this float32: 0.1 rather than 0.10000000149011612.
    return float(str(np.float32(value)))
