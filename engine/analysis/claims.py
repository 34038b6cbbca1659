"""Claims supported by measurements, and the formatting of their numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol, TypeVar

from engine.analysis.results import RunResult
from engine.analysis.statistics import mean_in_percent, spread
from engine.events.experiments import Computation

Number = float | int | str | None


class ComparedVariant(Protocol):
    """What a comparison needs of a variant, from the store or from the window's observations."""

    @property
    def name(self) -> str:
        """Name of the variant."""

    @property
    def test_accuracies(self) -> Sequence[float]:
        """Test accuracies (fractions) of the runs included in statistics."""


Variant = TypeVar("Variant", bound=ComparedVariant)


@dataclass(frozen=True)
class Claim:
    """A sentence and the measurements that support it.

    Attributes:
        sentence: the claim in words.
        numbers: the measurements behind the sentence, by name.
        experiments: ids of the stored experiments they come from.
        supported: False where the data do not suffice, which the sentence then says.
        headline: whether the claim belongs to the summary at the front of a report.
    """

    sentence: str
    numbers: Mapping[str, Number]
    experiments: tuple[int, ...]
    supported: bool = True
    headline: bool = False


@dataclass(frozen=True)
class ComputedResult:
    """The stored computation of an experiment without runs, and the experiment's id."""

    experiment: int
    computation: Computation

    @property
    def findings(self) -> dict[str, Any]:
        """The JSON-serialisable values of the computation."""
        return self.computation.findings


def percent(fraction: float) -> str:
    """Format a fraction as ``93.4 %``."""
    return f"{100 * fraction:.1f} %"


def points(fraction: float) -> str:
    """Format a difference of accuracies as ``1.2 points``, with two decimals below 0.1 points."""
    return f"{100 * fraction:.{1 if abs(fraction) >= 0.001 else 2}f} points"


def format_p_value(p: float) -> str:
    """Format a p-value as ``p = 0.012``, or ``p < 0.001``."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def accuracy_with_spread(variant: ComparedVariant) -> str:
    """Format the test accuracy as ``93.4 ± 0.5 % (n = 3)``; without a deviation for a single run."""
    return f"{mean_in_percent(variant.test_accuracies, 1)} (n = {len(variant.test_accuracies)})"


def accuracy_numbers(variant: ComparedVariant) -> dict[str, Number]:
    """Return mean, sample standard deviation and n of a variant's test accuracies, by name."""
    statistics = spread(variant.test_accuracies)
    name = variant.name
    return {
        f"{name}: mean test accuracy": statistics["mean"],
        f"{name}: standard deviation": statistics["std"],
        f"{name}: n": len(variant.test_accuracies),
    }


def join_names(names: list[str]) -> str:
    """Join names as ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def last_epoch(runs: Iterable[RunResult]) -> str:
    """Name the epoch of ``last_epoch_mean`` in a sentence about ``runs``."""
    return "the epoch whose weights were kept" if any(run.run.kept for run in runs) else "the last epoch"


def last_epoch_mean(result: RunResult, quantity: str) -> float:
    """Average a quantity of the records over the last epoch with records, or that whose weights were kept.

    A single record varies far more by chance than the mean of an epoch. NaN where no value is finite.
    """
    epoch = result.tested_record.epoch
    values = [float(getattr(record, quantity)) for record in result.records if record.epoch == epoch]
    return fmean(finite) if (finite := [value for value in values if math.isfinite(value)]) else math.nan
