"""Numbers that a run logged, merged by step into records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.events.runs import Record
from engine.watching.sources.base import STANDARD_NUMBERS, Measured


@dataclass
class Row:
    """What was logged at a step so far; see ``Measured``."""

    step: int
    epoch: int = 0
    seconds: float = math.nan
    numbers: dict[str, float] = field(default_factory=dict)
    gradient_norms: dict[str, float] = field(default_factory=dict)
    update_ratios: dict[str, float] = field(default_factory=dict)

    def add(self, entry: Measured) -> None:
        """Add what was logged; a number logged again replaces the former one."""
        self.epoch = entry.epoch or self.epoch
        if not math.isnan(entry.seconds):
            self.seconds = entry.seconds
        self.numbers.update(_marked(entry.numbers))
        self.gradient_norms.update(_marked(entry.gradient_norms))
        self.update_ratios.update(_marked(entry.update_ratios))

    def with_later(self, other: Row) -> Row:
        """Return this row with what was logged in ``other``, of the same step."""
        return Row(
            self.step,
            other.epoch or self.epoch,
            self.seconds if math.isnan(other.seconds) else other.seconds,
            self.numbers | other.numbers,
            self.gradient_norms | other.gradient_norms,
            self.update_ratios | other.update_ratios,
        )

    def as_record(self, run: int, layers: tuple[str, ...], steps_per_epoch: int) -> Record:
        """Return the record; its epoch is computed if only the steps of an epoch are known."""
        epoch = self.epoch or ((self.step - 1) // steps_per_epoch + 1 if steps_per_epoch else 0)
        standard = [self.numbers.get(name, math.nan) for name in STANDARD_NUMBERS]
        others = sorted((name, value) for name, value in self.numbers.items() if name not in STANDARD_NUMBERS)
        training_loss, training_accuracy, validation_loss, validation_accuracy, learning_rate = standard
        return Record(
            run=run,
            step=self.step,
            epoch=epoch,
            seconds=self.seconds,
            training_loss=training_loss,
            training_accuracy=training_accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learning_rate=learning_rate,
            gradient_norms=_of_layers(self.gradient_norms, layers),
            update_ratios=_of_layers(self.update_ratios, layers),
            metrics=tuple(others),
        )


def row_of(record: Record, layers: tuple[str, ...]) -> Row:
    """Return the row of a stored record."""
    numbers = {name: getattr(record, name) for name in STANDARD_NUMBERS}
    return Row(
        record.step,
        record.epoch,
        record.seconds,
        _known(numbers) | dict(record.metrics),
        _known(dict(zip(layers, record.gradient_norms, strict=False))),
        _known(dict(zip(layers, record.update_ratios, strict=False))),
    )


def _marked(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return logged numbers; infinity for any that is not finite, as NaN stands for one that was not logged."""
    return {name: value if math.isfinite(value) else math.inf for name, value in numbers.items()}


def _known(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if not math.isnan(value)}


def _of_layers(values: Mapping[str, float], layers: tuple[str, ...]) -> tuple[float, ...]:
    return tuple(values.get(layer, math.nan) for layer in layers)
