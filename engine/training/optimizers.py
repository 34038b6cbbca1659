"""Keras' optimisers; the step of Adam is a fused operation of TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule

from engine.config.specs import TrainingSpec


class FusedAdam(keras.optimizers.Adam):
    """Adam whose step on a variable is one operation instead of about twelve.

    State and formula are those of ``keras.optimizers.Adam`` (D. Kingma and J. Ba, "Adam: A Method for Stochastic
    Optimization", 2015, end of section 2, with epsilon outside the root); only the rounding differs.
    """

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Update ``variable`` by one step."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value, tf.float32) + 1
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def make_optimizer(training: TrainingSpec, rate: float | LearningRateSchedule) -> keras.optimizers.Optimizer:
    """Return the optimiser of a run.

    Args:
        training: its settings.
        rate: the learning rate.
    """
    settings: dict[str, Any] = {
        "learning_rate": rate,
        **training.optimizer_settings,
        "global_clipnorm": training.clip_norm,
        "use_ema": training.ema_momentum > 0,
        "ema_momentum": training.ema_momentum,
    }
    if training.weight_decay is not None:
        settings["weight_decay"] = training.weight_decay
    if training.optimizer == "adam":
        return FusedAdam(**settings)
    return keras.optimizers.get({"class_name": training.optimizer, "config": settings})
