"""Learning rates of runs, from Keras' schedules."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
)

from engine.config.rate_schedule import ScheduleSpec
from engine.config.specs import RunSpec
from engine.training.timetable import Timetable


def make_learning_rate(run: RunSpec, timetable: Timetable) -> float | LearningRateSchedule:
    """Return the learning rate of ``run``: a number, or a schedule over its steps as ``ScheduleSpec`` describes.

    Either can be changed during training.
    """
    warm_up = warm_up_steps(run, timetable)
    rate = _scheduled_rate(run, timetable, warm_up)
    if warm_up:
        rate = WarmUp(rate, warm_up)
    return OverridableRate(rate) if isinstance(rate, LearningRateSchedule) else rate


def warm_up_steps(run: RunSpec, timetable: Timetable) -> int:
    """Return the number of steps of the warm-up, which may be more than the run has."""
    return round(run.training.warm_up * timetable.steps_per_epoch)


class WarmUp(LearningRateSchedule):
    """A linear rise from 0 to the first rate of a schedule, which then begins.

    Step ``k`` of ``steps``, counted from 0, has ``k / steps`` of that rate, as with ``warmup_steps`` of Keras'
    ``CosineDecay``.

    Args:
        after: what follows: a rate or a schedule.
        steps: length of the warm-up, at least 1.
    """

    def __init__(self, after: float | LearningRateSchedule, steps: int) -> None:
        self.after, self.steps = after, steps

    def __call__(self, step: Any) -> Any:
        """Return the rate of ``step``, counted from 0."""
        done = tf.cast(step, tf.float32)
        rate = self._rate_after(tf.maximum(done - self.steps, 0.0))  # during the warm-up that is the first rate
        return tf.where(done < self.steps, rate * (done / self.steps), rate)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, for Keras."""
        return {"after": self.after, "steps": self.steps}

    def _rate_after(self, step: Any) -> Any:
        return self.after(step) if isinstance(self.after, LearningRateSchedule) else tf.constant(self.after)


class OneCycle(LearningRateSchedule):
    """Half a cosine up to the largest rate, and half a cosine down to nearly 0.

    L. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018,
    in the form of PyTorch's ``OneCycleLR`` at its defaults, but with the optimiser's momentum left as it is. PyTorch's
    rise ends at ``0.3 * steps - 1``, which need not be a whole step.

    Args:
        largest: the largest rate.
        steps: number of steps.
    """

    def __init__(self, largest: float, steps: int) -> None:
        self.largest, self.steps = largest, steps

    def __call__(self, step: Any) -> Any:
        """Return the rate of ``step``, counted from 0."""
        step = tf.cast(step, tf.float32)
        peak, last = RISE * self.steps - 1, self.steps - 1
        first, least = self.largest / FIRST_DIVISOR, self.largest / FIRST_DIVISOR / LAST_DIVISOR
        rising = _half_cosine(first, self.largest, step / peak)
        falling = _half_cosine(self.largest, least, (step - peak) / (last - peak))
        return tf.where(step <= peak, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, for Keras."""
        return {"largest": self.largest, "steps": self.steps}


# Defaults of PyTorch's OneCycleLR: pct_start, div_factor and final_div_factor.
RISE, FIRST_DIVISOR, LAST_DIVISOR = 0.3, 25.0, 1e4


def _half_cosine(start: float, end: float, part: Any) -> Any:
    """Return the value between ``start``, at ``part`` 0, and ``end``, at 1."""
    return end + (start - end) / 2 * (1 + tf.cos(math.pi * part))


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


def _scheduled_rate(run: RunSpec, timetable: Timetable, warm_up: int) -> float | LearningRateSchedule:
    """Return the rate after a warm-up of ``warm_up`` steps."""
    schedule = run.effective_schedule
    if schedule.kind == "constant":
        return run.training.learning_rate
    if schedule.kind == "plateau" or (schedule.kind == "step" and not schedule.switches):
        return schedule.rates[0]  # a callback changes that of a plateau
    return _schedule(schedule, timetable, warm_up)


def _schedule(schedule: ScheduleSpec, timetable: Timetable, warm_up: int) -> LearningRateSchedule:
    """Return a schedule whose rate changes with the steps after a warm-up.

    Raises:
        ValueError: if the schedule is of another kind.
    """
    first, steps = schedule.rates[0], max(timetable.total_steps - warm_up, 1)
    match schedule.kind:
        case "step":
            # Keras counts steps from 0 and uses the old value at the boundary itself. Epochs count from the run's
            # start, steps from the end of the warm-up.
            boundaries = [epoch * timetable.steps_per_epoch - 1 - warm_up for epoch in schedule.switches]
            return PiecewiseConstantDecay(boundaries, list(schedule.rates))
        case "exponential":
            return ExponentialDecay(first, max(steps - 1, 1), schedule.rates[1] / first)
        case "cosine":
            return CosineDecay(first, steps)
        case "cosine-restarts":
            return CosineDecayRestarts(first, schedule.period * timetable.steps_per_epoch)
        case "one-cycle":
            return OneCycle(first, steps)
    raise ValueError(schedule.kind)


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
