"""Early stopping: training ends once validation no longer improves, and the best weights are kept."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from engine.config.base import Spec, check_dependent_fields
from engine.config.fields import RATE_AND_STOPPING, field

EarlyStopping = Literal["off", "val_accuracy", "val_loss"]

_MONITORED = ("val_accuracy", "val_loss")


class EarlyStoppingSpec(Spec):
    """When training ends before its epochs do, as Keras' ``EarlyStopping`` with ``restore_best_weights``."""

    early_stopping: EarlyStopping = field(
        "off",
        label="Early stopping",
        group=RATE_AND_STOPPING,
        choice_labels={"val_accuracy": "by val. accuracy", "val_loss": "by val. loss"},
        help="End training once the last validation of an epoch no longer improves; the network that is tested and "
        "saved has the weights of the best epoch, also where training goes through all epochs.",
    )
    stop_patience: int = field(
        5,
        label="Stop after",
        unit="epochs",
        group=RATE_AND_STOPPING,
        only_with=("early_stopping", _MONITORED),
        ge=1,
        le=100_000,
        help="Epochs in a row without an improvement over the best one; epochs without a record do not count.",
    )
    stop_delta: float = field(
        0.0,
        label="Least gain",
        group=RATE_AND_STOPPING,
        only_with=("early_stopping", _MONITORED),
        ge=0,
        le=10,
        help="By more than this, the validation accuracy (share of the images) must rise or the validation loss (nats) "
        "fall to count as an improvement.",
    )

    @model_validator(mode="after")
    def _check_stopping_settings(self) -> Self:
        check_dependent_fields(self, EarlyStoppingSpec)
        return self
