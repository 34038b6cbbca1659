"""The learning rate over the time of a run."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from engine.config.base import Spec, check_dependent_fields
from engine.config.fields import RATE_AND_STOPPING, field

RateSchedule = Literal["constant", "cosine", "cosine-restarts", "one-cycle"]


class RateCurveSpec(Spec):
    """The schedule of a run that starts from one learning rate."""

    rate_over_time: RateSchedule = field(
        "constant",
        label="Rate over time",
        group=RATE_AND_STOPPING,
        choice_labels={"cosine-restarts": "cosine, restarts", "one-cycle": "one cycle"},
        help="cosine: half a cosine down to 0 at the last step; cosine-restarts: begun again after each period (Keras' "
        "CosineDecayRestarts); one-cycle: up from a 25th over 30 % of the steps, then down to nearly 0 (L. Smith, "
        "2018; PyTorch's OneCycleLR; momentum is not cycled).",
    )
    restart_period: int = field(
        5,
        label="First period",
        unit="epochs",
        group=RATE_AND_STOPPING,
        only_with=("rate_over_time", ("cosine-restarts",)),
        ge=1,
        le=100_000,
        help="Epochs before the first restart; each further period is twice as long, so that the rate is near 0 after "
        "1, 3, 7, 15, ... times as many epochs.",
    )

    @model_validator(mode="after")
    def _check_restart_period(self) -> Self:
        check_dependent_fields(self, RateCurveSpec)
        return self


class WarmUpSpec(Spec):
    """Warm-up of the learning rate, before any schedule."""

    warm_up: float = field(
        0.0,
        label="Warm-up",
        unit="epochs",
        group=RATE_AND_STOPPING,
        ge=0,
        le=1000,
        help="Epochs, or a part of one, in which the rate rises linearly from 0; the schedule starts after it and "
        "still ends at the last step.",
    )


# pydantic lists inherited fields from the last base to the first.
class RateScheduleSpec(WarmUpSpec, RateCurveSpec):
    """The learning rate over the time of a run that starts from one learning rate."""

    @property
    def rate_over_time_text(self) -> str:
        """What a text adds to the learning rate, such as ``cosine schedule, warm-up of 2 epochs``; empty if nothing."""
        parts = [] if self.rate_over_time == "constant" else [f"{_TITLES[self.rate_over_time]} schedule"]
        if self.rate_over_time == "cosine-restarts":
            parts.append(f"first period {self.restart_period} {_epochs(self.restart_period)}")
        if self.warm_up:
            parts.append(f"warm-up of {self.warm_up:g} {_epochs(self.warm_up)}")
        return ", ".join(parts)


_TITLES: dict[str, str] = {"cosine": "cosine", "cosine-restarts": "cosine restarts", "one-cycle": "one-cycle"}


def _epochs(count: float) -> str:
    return "epoch" if count == 1 else "epochs"


class ScheduleSpec(Spec):
    """The learning rate schedule of a run.

    Attributes:
        kind: ``constant``: the optimiser's rate throughout. ``step``: ``rates[i]`` until the end of epoch
            ``switches[i]``, the last rate from then on. ``exponential``: from ``rates[0]`` to ``rates[1]`` over the
            whole run, by the same factor at every step. ``cosine``: half a cosine from ``rates[0]`` to 0 at the end.
            ``cosine-restarts``: half a cosine from ``rates[0]`` to 0 over ``period`` epochs, then over twice as many,
            and so on. ``one-cycle``: half a cosine from a 25th of ``rates[0]`` up to it over 30 % of the steps, then
            down to 1/250,000 of it. ``plateau``: ``rates[0]``, divided by 10 whenever validation accuracy has not risen
            by ``delta`` for ``patience`` epochs.
        rates: learning rates; they replace ``RateSpec.learning_rate`` unless ``constant``.
        switches: epochs at which ``step`` changes the rate.
        patience: epochs without improvement before ``plateau`` lowers the rate.
        delta: improvement in validation accuracy, as a fraction, that ``plateau`` requires.
        period: epochs before the first restart of ``cosine-restarts``.
    """

    is_internal: ClassVar[bool] = True

    kind: Literal["constant", "step", "exponential", "cosine", "cosine-restarts", "one-cycle", "plateau"] = "constant"
    rates: tuple[float, ...] = ()
    switches: tuple[int, ...] = ()
    patience: int = 3
    delta: float = 0.005
    period: int = 5
