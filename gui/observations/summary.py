"""Which variant is best, said where an experiment ends; the report says it at length, with a test."""

from __future__ import annotations

from engine.analysis.statistics import spread
from gui.observations.experiment import Observations
from gui.observations.variant import VariantObservation


def best_variant_summary(observations: Observations) -> str:
    """The variant of best mean test accuracy and how far the next one is behind; nothing where two were not tested."""
    compared = [variant for variant in observations.variants.values() if not variant.is_probe and variant.counted]
    if len(compared) < 2:
        return ""
    first, second, *_ = sorted(compared, key=lambda variant: -_mean(variant))
    behind = _mean(first) - _mean(second)
    others = f"{second.name} is {100 * behind:.2f} points behind"
    return f"Best: {first.name}, {_told(first)}; {others}{_against_spread(first, second, behind)}."


def _accuracies(variant: VariantObservation) -> list[float]:
    return [run.test_accuracy for run in variant.counted if run.test_accuracy is not None]


def _mean(variant: VariantObservation) -> float:
    return spread(_accuracies(variant))["mean"] or 0.0


def _told(variant: VariantObservation) -> str:
    found = spread(_accuracies(variant))
    deviation = "" if found["std"] is None else f" ± {100 * found['std']:.2f}"
    return f"{100 * _mean(variant):.2f}{deviation} % (n = {len(variant.counted)})"


def _against_spread(first: VariantObservation, second: VariantObservation, behind: float) -> str:
    deviations = [spread(_accuracies(variant))["std"] for variant in (first, second)]
    known = [deviation for deviation in deviations if deviation is not None]
    if len(known) < 2:
        return "; of single runs that may be chance"
    return ", more than the repeats spread" if behind > max(known) else ", no more than the repeats spread"
