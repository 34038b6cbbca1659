"""Sentences on results: of an experiment, with the same statistical test as the report, and of a test."""

from __future__ import annotations

from engine.analysis.claims import accuracy_with_spread, format_p_value, join_names, percent, points
from engine.analysis.guessing import largest_class
from engine.analysis.ranking import Ranked, compare_best, not_above_largest_class, ranked, same_accuracy
from engine.analysis.scores import scores_of
from engine.events.datasets import DatasetInfo
from engine.utils.arrays import Array
from gui.observations.experiment import Observations
from gui.observations.variant import VariantObservation

MAX_NAMED = 3  # variants that share the best accuracy; more would take lines of the window from the plots


def best_variant_summary(observations: Observations) -> str:
    """Name the variant with the best mean test accuracy and the lead over the second; empty for fewer than two.

    If none is clearly above always answering the largest class, the sentence says that instead, even of one variant.
    """
    tested = ranked(variant for variant in observations.variants.values() if not variant.is_probe)
    sentence = not_above_largest_class(tested, observations.largest_class)
    if sentence or len(tested) < 2:
        return sentence
    mean = tested[0][1]
    tied = [variant.name for variant, reached in tested if same_accuracy(reached, mean)]
    if len(tied) > 1:
        names = join_names(tied) if len(tied) <= MAX_NAMED else f"{len(tied)} variants"
        return f"{names} share the best test accuracy, {percent(mean)}."
    return _best_sentence(tested, observations.info.test_count if observations.info else 0)


def _best_sentence(tested: Ranked[VariantObservation], images: int) -> str:
    compared = compare_best(tested, images)
    (best, mean), (second, other), *_ = tested
    reached, behind = accuracy_with_spread(best), f"{second.name} is {points(mean - other)} behind"
    if compared.shortfall:
        figures = f"{reached} for {best.name}, {accuracy_with_spread(second)} for {second.name}"
        return f"A ranking can't be told from {compared.shortfall}: {figures}."
    p = "" if compared.p is None else f" ({format_p_value(compared.p)})"
    if compared.is_clear:
        return f"Best: {best.name}, {reached}; {behind}{compared.outcome}{p}."
    return f"None is clearly best: {best.name} has {reached}, {behind}{compared.outcome}{p}."


def scores_sentence(confusion: Array, info: DatasetInfo | None) -> str:
    """State the scores of a test, and what always answering the largest class of its images reaches."""
    scores, largest = scores_of(confusion, info.class_names if info else ()), largest_class(info, [confusion])
    return " ".join([scores.text if scores else "", largest.sentence if largest else ""]).strip()
