"""Ranking of variants by test accuracy, and the claims about the best one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.analysis.claims import Claim, Variant, accuracy_numbers, accuracy_with_spread, join_names, percent, points
from engine.analysis.guessing import LargestClass, largest_class
from engine.analysis.results import ExperimentResult, VariantResult
from engine.analysis.significance import Comparison, compare, shortfall, uncertainty
from engine.analysis.statistics import spread

Ranked = list[tuple[Variant, float]]


def ranked(variants: Iterable[Variant]) -> Ranked[Variant]:
    """Return the tested variants with their mean test accuracy, best first."""
    means = [(variant, mean) for variant in variants if (mean := spread(variant.test_accuracies)["mean"]) is not None]
    return sorted(means, key=lambda pair: -pair[1])


def same_accuracy(first: float, second: float) -> bool:
    """Whether two means differ only by rounding of their sums, far less than one image."""
    return abs(first - second) < 1e-9


def compare_best(tested: Ranked[Variant], images: int) -> Comparison:
    """Compare the first two of at least two variants, tested on ``images``."""
    return compare(tested[0][0].test_accuracies, tested[1][0].test_accuracies, images)


def clear_best(result: ExperimentResult) -> VariantResult | None:
    """Return the variant whose mean test accuracy is clearly the best; None if there is none, or only one variant."""
    tested = ranked(result.compared)
    if len(tested) < 2 or not compare_best(tested, result.dataset.test_count).is_clear:
        return None
    return None if list(largest_class_claims(result)) else tested[0][0]


def not_above_largest_class(tested: Ranked[Variant], largest: LargestClass | None) -> str:
    """Return a sentence if no variant is clearly above always answering the largest class; empty otherwise.

    Clearly above is by more than the uncertainty that the number of test images leaves.
    """
    if not tested or largest is None:
        return ""
    best, mean = tested[0]
    if mean > largest.share + uncertainty(largest.share, largest.total):
        return ""
    return (
        f"No test accuracy is clearly above that of {largest.answer}, {percent(largest.share)}: "
        f"{accuracy_with_spread(best)} for {best.name}."
    )


def result_largest_class(result: ExperimentResult) -> LargestClass | None:
    """Return the largest class of the test images of an experiment; None if unknown."""
    return largest_class(result.dataset, (run.run.confusion for variant in result.variants for run in variant.runs))


def largest_class_claims(result: ExperimentResult) -> Iterator[Claim]:
    """State it where no variant is clearly above always answering the largest class."""
    tested, largest = ranked(result.compared), result_largest_class(result)
    sentence = not_above_largest_class(tested, largest)
    if sentence and largest is not None:
        numbers = accuracy_numbers(tested[0][0]) | {"largest class": largest.share, "test images": largest.total}
        yield Claim(sentence, numbers, (result.experiment.id,), headline=True)


def best_variant_claims(result: ExperimentResult, what: str) -> Iterator[Claim]:
    """State which of the tested variants has the best mean test accuracy, compared to the second, or a tie.

    Nothing is stated of fewer than two variants, and where ``largest_class_claims`` says that none has learned more.
    """
    tested = ranked(result.compared)
    if len(tested) < 2 or list(largest_class_claims(result)):
        return
    mean, images = tested[0][1], result.dataset.test_count
    tied = [variant for variant, reached in tested if same_accuracy(reached, mean)]
    yield _tie_claim(result, what, tied) if len(tied) > 1 else _best_claim(result, what, tested, images)


def _best_claim(result: ExperimentResult, what: str, tested: Ranked[VariantResult], images: int) -> Claim:
    compared = compare_best(tested, images)
    (best, mean), (second, other), *_ = tested
    gap = points(mean - other)
    both = (
        f"{accuracy_with_spread(best)} for {best.name}, {accuracy_with_spread(second)} for {second.name}, {gap} apart"
    )
    if compared.shortfall:
        leaves = "on an unknown number of test images"
        if images:
            leaves = f"where {images:,} test images leave each uncertain by {points(uncertainty(mean, images))}"
        sentence = f"A ranking by {what} can't be told from {compared.shortfall}: {both}, {leaves}."
    elif compared.is_clear:
        between = f"{accuracy_with_spread(best)} against {accuracy_with_spread(second)} for {second.name}"
        sentence = f"{best.name} has the best {what}: {between}, {gap} more{compared.verdict}."
    else:  # a result too, as both were repeated
        sentence = f"None has clearly the best {what}: {both}{compared.verdict}."
    numbers = accuracy_numbers(best) | accuracy_numbers(second) | compared.numbers
    return Claim(sentence, numbers, (result.experiment.id,), supported=not compared.shortfall, headline=True)


def _tie_claim(result: ExperimentResult, what: str, tied: list[VariantResult]) -> Claim:
    """Name all variants that share the best mean, each with its spread."""
    each = join_names([f"{accuracy_with_spread(variant)} for {variant.name}" for variant in tied])
    lacking = shortfall(min(len(variant.test_accuracies) for variant in tied), result.dataset.test_count)
    chance = f"; from {lacking} that may be chance" if lacking else ""
    sentence = f"{join_names([variant.name for variant in tied])} share the best {what}: {each}{chance}."
    numbers = {name: number for variant in tied for name, number in accuracy_numbers(variant).items()}
    return Claim(sentence, numbers, (result.experiment.id,), supported=not lacking, headline=True)
