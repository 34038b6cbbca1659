"""Variants ranked by test accuracy, and the claim about the best of them."""

from __future__ import annotations

from collections.abc import Iterable

from engine.analysis.claims import Claim, Variant, accuracy_numbers, accuracy_with_spread, join_names, points
from engine.analysis.results import ExperimentResult, VariantResult
from engine.analysis.significance import compare
from engine.analysis.statistics import spread


def ranked(variants: Iterable[Variant]) -> list[tuple[Variant, float]]:
    """The variants that were tested, with their mean test accuracy, best first."""
    means = [(variant, mean) for variant in variants if (mean := spread(variant.test_accuracies)["mean"]) is not None]
    return sorted(means, key=lambda pair: -pair[1])


def same_accuracy(first: float, second: float) -> bool:
    """Whether two means differ by no more than the rounding of sums; one image more or less is far more than that."""
    return abs(first - second) < 1e-9


def best_variant_claim(result: ExperimentResult, what: str) -> Claim:
    """Which of at least two tested variants has the best mean test accuracy, against the second; or which share it."""
    tested = ranked(result.compared)
    (best, mean), (second, other), *_ = tested
    tied = [variant for variant, reached in tested if same_accuracy(reached, mean)]
    if len(tied) > 1:
        return _shared(result, what, tied)
    compared = compare(best.test_accuracies, second.test_accuracies)
    between = f"{accuracy_with_spread(best)} against {accuracy_with_spread(second)} for {second.name}"
    ahead = f"{points(mean - other)} more{compared.verdict}"
    numbers = accuracy_numbers(best) | accuracy_numbers(second) | compared.numbers
    # That two are not told apart is a result too, once both were repeated.
    sentence = f"{best.name} has the best {what}: {between}, {ahead}."
    return Claim(sentence, numbers, (result.experiment.id,), supported=compared.has_spread, headline=True)


def _shared(result: ExperimentResult, what: str, tied: list[VariantResult]) -> Claim:
    """All that have the best mean, each with its own spread."""
    each = join_names([f"{accuracy_with_spread(variant)} for {variant.name}" for variant in tied])
    repeated = all(len(variant.test_accuracies) > 1 for variant in tied)
    chance = "" if repeated else "; with one run that may be chance"
    sentence = f"{join_names([variant.name for variant in tied])} share the best {what}: {each}{chance}."
    numbers = {name: number for variant in tied for name, number in accuracy_numbers(variant).items()}
    return Claim(sentence, numbers, (result.experiment.id,), supported=repeated, headline=True)
