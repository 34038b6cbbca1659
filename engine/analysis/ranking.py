"""Ranking of variants by test accuracy, and the claim about the best one."""

from __future__ import annotations

from collections.abc import Iterable

from engine.analysis.claims import Claim, Variant, accuracy_numbers, accuracy_with_spread, join_names, points
from engine.analysis.results import ExperimentResult, VariantResult
from engine.analysis.significance import compare
from engine.analysis.statistics import spread


def ranked(variants: Iterable[Variant]) -> list[tuple[Variant, float]]:
    """Return the tested variants with their mean test accuracy, best first."""
    means = [(variant, mean) for variant in variants if (mean := spread(variant.test_accuracies)["mean"]) is not None]
    return sorted(means, key=lambda pair: -pair[1])


def same_accuracy(first: float, second: float) -> bool:
    """Whether two means differ only by rounding of their sums, far less than one image."""
    return abs(first - second) < 1e-9


def best_variant_claim(result: ExperimentResult, what: str) -> Claim:
    """State which of at least two tested variants has the best mean test accuracy, compared to the second, or a tie."""
    tested = ranked(result.compared)
    (best, mean), (second, other), *_ = tested
    tied = [variant for variant, reached in tested if same_accuracy(reached, mean)]
    if len(tied) > 1:
        return _tie_claim(result, what, tied)
    compared = compare(best.test_accuracies, second.test_accuracies)
    between = f"{accuracy_with_spread(best)} against {accuracy_with_spread(second)} for {second.name}"
    ahead = f"{points(mean - other)} more{compared.verdict}"
    numbers = accuracy_numbers(best) | accuracy_numbers(second) | compared.numbers
    # An insignificant difference is a result too, once both variants were repeated.
    sentence = f"{best.name} has the best {what}: {between}, {ahead}."
    return Claim(sentence, numbers, (result.experiment.id,), supported=compared.has_spread, headline=True)


def _tie_claim(result: ExperimentResult, what: str, tied: list[VariantResult]) -> Claim:
    """Name all variants that share the best mean, each with its spread."""
    each = join_names([f"{accuracy_with_spread(variant)} for {variant.name}" for variant in tied])
    repeated = all(len(variant.test_accuracies) > 1 for variant in tied)
    chance = "" if repeated else "; with one run that may be chance"
    sentence = f"{join_names([variant.name for variant in tied])} share the best {what}: {each}{chance}."
    numbers = {name: number for variant in tied for name, number in accuracy_numbers(variant).items()}
    return Claim(sentence, numbers, (result.experiment.id,), supported=repeated, headline=True)
