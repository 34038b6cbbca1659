"""Optimiser, learning rate and callbacks of a run as source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.config.specs import RunSpec, TrainingSpec
from engine.exports.script.code import Call, changed_arguments
from engine.utils.errors import ExportError

if TYPE_CHECKING:
    from keras.optimizers.schedules import LearningRateSchedule

CROSS_ENTROPY = "cross_entropy"  # metric of a script: the loss without L2 penalties
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
    """Return the call that makes a schedule: one of Keras', or ``WarmUp`` or ``OneCycle``, which scripts define."""
    from keras.optimizers import schedules

    kind = type(schedule)
    changed = changed_arguments(kind, schedule.get_config())
    arguments = {
        name: _schedule_call(value) if isinstance(value, schedules.LearningRateSchedule) else value
        for name, value in changed.items()
    }
    place = "keras.optimizers.schedules." if hasattr(schedules, kind.__name__) else ""
    return Call(f"{place}{kind.__name__}", (), tuple(arguments.items()))


def callback_calls(run: RunSpec, is_penalised: bool) -> list[Call]:
    """Return the calls that make Keras' callbacks for a run.

    Args:
        run: its settings.
        is_penalised: whether the network has L2 penalties.

    Raises:
        ExportError: if Keras has none that does what the program does.
    """
    from engine.training.callbacks.early_stopping import MODES
    from engine.training.callbacks.plateau import FACTOR, QUANTITY

    training, schedule, found = run.training, run.effective_schedule, []
    stops = training.early_stopping != "off"
    if training.ema_momentum:  # the average is validated, and what early stopping keeps
        found.append(Call("keras.callbacks.SwapEMAWeights", (), (("swap_on_epoch", True),) if stops else ()))
    if schedule.kind == "plateau":
        if training.warm_up:
            raise ExportError("Keras can't lower the rate at plateaus after a warm-up.")
        settings = {"factor": FACTOR, "patience": schedule.patience, "mode": "max", "min_delta": schedule.delta}
        found.append(Call("keras.callbacks.ReduceLROnPlateau", (QUANTITY,), tuple(settings.items())))
    if stops:
        mode = MODES[training.early_stopping]
        has_penalties = training.early_stopping == "val_loss" and is_penalised  # in Keras' val_loss
        monitored = f"val_{CROSS_ENTROPY}" if has_penalties else training.early_stopping
        settings = {"min_delta": training.stop_delta, "patience": training.stop_patience, "mode": mode}
        kept = ("restore_best_weights", True)
        found.append(Call("keras.callbacks.EarlyStopping", (monitored,), (*settings.items(), kept)))
    return found
