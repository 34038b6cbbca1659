"""Claims that measurements support, and how their numbers are formatted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol, TypeVar

from engine.analysis.results import RunResult
from engine.analysis.statistics import mean_in_percent, spread
from engine.events.experiments import Computation

Number = float | int | str | None


class ComparedVariant(Protocol):
    """What is compared of a variant, whether it is stored or in the window."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def test_accuracies(self) -> Sequence[float]:
        """Test accuracies (fractions) of the counted runs."""


Variant = TypeVar("Variant", bound=ComparedVariant)


@dataclass(frozen=True)
class Claim:
    """A sentence that measurements support, and those measurements.

    ``numbers`` are the figures the sentence rests on, by name; ``experiments`` the stored experiments they are from. A
    claim is not ``supported`` where there was too little to tell, and its sentence then says so. A ``headline`` stands
    at the front of a report.
    """

    sentence: str
    numbers: Mapping[str, Number]
    experiments: tuple[int, ...]
    supported: bool = True
    headline: bool = False


@dataclass(frozen=True)
class ComputedResult:
    """What an experiment without runs found, and which experiment that was."""

    experiment: int
    found: Computation

    @property
    def findings(self) -> dict[str, Any]:
        """The plain values."""
        return self.found.findings


def percent(fraction: float) -> str:
    """Such as ``93.4 %``."""
    return f"{100 * fraction:.1f} %"


def points(fraction: float) -> str:
    """A difference of accuracies, such as ``1.2 points``; finer where it is less than a tenth of one."""
    return f"{100 * fraction:.{1 if abs(fraction) >= 0.001 else 2}f} points"


def format_p_value(p: float) -> str:
    """Such as ``p = 0.012``; ``p < 0.001`` below that."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def accuracy_with_spread(variant: ComparedVariant) -> str:
    """Such as ``93.4 ± 0.5 % (n = 3)``; without a spread where there is one run."""
    return f"{mean_in_percent(variant.test_accuracies, 1)} (n = {len(variant.test_accuracies)})"


def accuracy_numbers(variant: ComparedVariant) -> dict[str, Number]:
    """Mean, sample standard deviation and n of a variant's test accuracies, by name."""
    found = spread(variant.test_accuracies)
    name = variant.name
    return {
        f"{name}: mean test accuracy": found["mean"],
        f"{name}: standard deviation": found["std"],
        f"{name}: n": len(variant.test_accuracies),
    }


def join_names(names: list[str]) -> str:
    """Such as ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def last_epoch_mean(result: RunResult, quantity: str) -> float:
    """Mean of a number of a record over the last epoch that has records; NaN where none is finite.

    A single record varies by chance far more than an epoch of them.
    """
    epoch = result.records[-1].epoch
    values = [float(getattr(record, quantity)) for record in result.records if record.epoch == epoch]
    return fmean(finite) if (finite := [value for value in values if math.isfinite(value)]) else math.nan
