"""One-sentence result at the end of an experiment, with the same statistical test as the report."""

from __future__ import annotations

from engine.analysis.claims import accuracy_with_spread, format_p_value, join_names, percent, points
from engine.analysis.ranking import Ranked, compare_best, not_above_largest_class, ranked, same_accuracy
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
        return f"Which is best can't be told from {compared.shortfall}: {best.name} has {reached}, {behind}."
    p = "" if compared.p is None else f" ({format_p_value(compared.p)})"
    if compared.is_clear:
        return f"Best: {best.name}, {reached}; {behind}{compared.outcome}{p}."
    return f"None is clearly best: {best.name} has {reached}, {behind}{compared.outcome}{p}."
