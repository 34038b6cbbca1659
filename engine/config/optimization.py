"""Settings of the optimiser and of the loss, as Keras names and computes them; at their defaults none has an effect."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engine.config.base import Spec, check_dependent_fields, dependent_fields
from engine.config.fields import ADVANCED, field

Optimizer = Literal["adam", "sgd", "rmsprop", "adamw"]
ClassWeights = Literal["none", "balanced"]

_WITH_MOMENTUM = ("sgd", "rmsprop")
_WITH_MOMENTS = ("adam", "adamw")
_ADAPTIVE = ("adam", "adamw", "rmsprop")


class OptimizerSpec(Spec):
    """The optimiser and what only some optimisers have."""

    optimizer: Optimizer = field(
        "adam", label="Optimiser", help="Update rule; its parameters are under Advanced, at Keras' defaults."
    )
    momentum: float = field(
        0.0,
        label="Momentum",
        group=ADVANCED,
        only_with=("optimizer", _WITH_MOMENTUM),
        ge=0,
        lt=1,
        help="Share of the last update added to the next one, of SGD and RMSprop; 0: none, 0.9 is usual.",
    )
    nesterov: bool = field(
        False,
        label="Nesterov",
        group=ADVANCED,
        only_with=("optimizer", ("sgd",)),
        help="Nesterov's momentum: the update looks ahead by the momentum; it needs a momentum above 0.",
    )
    beta_1: float = field(
        0.9,
        label="Beta 1",
        group=ADVANCED,
        only_with=("optimizer", _WITH_MOMENTS),
        ge=0,
        lt=1,
        help="Decay per step of Adam's average of the gradients.",
    )
    beta_2: float = field(
        0.999,
        label="Beta 2",
        group=ADVANCED,
        only_with=("optimizer", _WITH_MOMENTS),
        ge=0,
        lt=1,
        help="Decay per step of Adam's average of the squared gradients.",
    )
    epsilon: float = field(
        1e-7,
        label="Epsilon",
        group=ADVANCED,
        only_with=("optimizer", _ADAPTIVE),
        ge=1e-8,
        le=1,
        help="Added to the denominator of the update: 1e-7 in Keras, 1e-8 in PyTorch, which adds it after Adam's bias "
        "correction, Keras before.",
    )

    @model_validator(mode="after")
    def _check_optimizer_settings(self) -> Self:
        check_dependent_fields(self, OptimizerSpec)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0, such as 0.9; set momentum, or nesterov to false.")
        return self

    @property
    def optimizer_settings(self) -> dict[str, float | bool]:
        """The settings that the optimiser has, by Keras' names for them."""
        return {
            item.key: getattr(self, item.key)
            for item, _, optimizers in dependent_fields(OptimizerSpec)
            if self.optimizer in optimizers
        }


class RegularizationSpec(Spec):
    """Settings that every optimiser has, and those of the loss."""

    weight_decay: float | None = field(
        None,
        label="Weight decay",
        group=ADVANCED,
        empty="the optimiser's",
        ge=0,
        le=1,
        help="Decoupled: each step also shrinks weights and biases by learning rate times this; empty: 0.004 with "
        "AdamW, none with the others.",
    )
    clip_norm: float | None = field(
        None,
        label="Clip gradient at",
        group=ADVANCED,
        empty="no clipping",
        gt=0,
        le=1_000_000,
        help="The gradient of all weights together is scaled down to this L2 norm where it is larger; recorded "
        "gradient norms are those before.",
    )
    label_smoothing: float = field(
        0.0,
        label="Label smoothing",
        group=ADVANCED,
        ge=0,
        lt=1,
        help="Share of the target spread evenly over all classes; the recorded loss remains that of the plain labels.",
    )
    class_weights: ClassWeights = field(
        "none",
        label="Class weights",
        group=ADVANCED,
        help="balanced: the loss of an image counts by the inverse frequency of its class among the training images; "
        "the recorded loss remains unweighted.",
    )
    ema_momentum: float = field(
        0.0,
        label="Weight average",
        group=ADVANCED,
        ge=0,
        lt=1,
        help="Decay per step of an exponential average of the weights, which is validated, tested and saved in their "
        "place; 0: none, 0.99 is usual.",
    )
