"""Optimiser, learning rate and callbacks of a run as source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.config.specs import RunSpec, TrainingSpec
from engine.exports.script.code import Call, changed_arguments

if TYPE_CHECKING:
    from keras.optimizers.schedules import LearningRateSchedule

_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSprop"}


def optimizer_call(training: TrainingSpec, rate: float | LearningRateSchedule) -> Call:
    """Return the call that makes the optimiser of a run."""
    settings: dict[str, Any] = {"learning_rate": rate if isinstance(rate, float) else _schedule_call(rate)}
    settings |= training.optimizer_settings
    if training.weight_decay is not None:
        settings["weight_decay"] = training.weight_decay
    if training.clip_norm is not None:
        settings["global_clipnorm"] = training.clip_norm
    if training.ema_momentum:
        settings |= {"use_ema": True, "ema_momentum": training.ema_momentum}
    return Call(f"keras.optimizers.{_OPTIMIZERS[training.optimizer]}", (), tuple(settings.items()))


def _schedule_call(schedule: LearningRateSchedule) -> Call:
    """Return the call that makes a schedule of Keras'; arguments at their defaults are left out."""
    kind = type(schedule)
    changed = changed_arguments(kind, schedule.get_config())
    return Call(f"keras.optimizers.schedules.{kind.__name__}", (), tuple(changed.items()))


def callback_calls(run: RunSpec) -> list[Call]:
    """Return the calls that make Keras' callbacks for a run."""
    from engine.training.callbacks.plateau import FACTOR, QUANTITY

    found = []
    if run.training.ema_momentum:  # the average is validated
        found.append(Call("keras.callbacks.SwapEMAWeights"))
    if run.schedule.kind == "plateau":
        settings = {"factor": FACTOR, "patience": run.schedule.patience, "mode": "max", "min_delta": run.schedule.delta}
        found.append(Call("keras.callbacks.ReduceLROnPlateau", (QUANTITY,), tuple(settings.items())))
    return found
