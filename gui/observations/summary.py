"""One-sentence result at the end of an experiment, with the same statistical test as the report."""

from __future__ import annotations

from engine.analysis.claims import accuracy_with_spread, format_p_value, join_names, percent, points
from engine.analysis.ranking import ranked, same_accuracy
from engine.analysis.significance import compare
from gui.observations.experiment import Observations

MAX_NAMED = 3  # variants that share the best accuracy; more would take lines of the window from the plots


def best_variant_summary(observations: Observations) -> str:
    """Name the variant with the best mean test accuracy and the lead over the second; empty for fewer than two."""
    tested = ranked(variant for variant in observations.variants.values() if not variant.is_probe)
    if len(tested) < 2:
        return ""
    (best, mean), (second, other), *_ = tested
    tied = [variant.name for variant, reached in tested if same_accuracy(reached, mean)]
    if len(tied) > 1:
        names = join_names(tied) if len(tied) <= MAX_NAMED else f"{len(tied)} variants"
        return f"{names} share the best test accuracy, {percent(mean)}."
    compared = compare(best.test_accuracies, second.test_accuracies)
    p = "" if compared.p is None else f" ({format_p_value(compared.p)})"
    behind = f"{second.name} is {points(mean - other)} behind{compared.outcome}{p}"
    return f"Best: {best.name}, {accuracy_with_spread(best)}; {behind}."
