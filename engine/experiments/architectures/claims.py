"""Claims: the best network, whether accuracy follows the number of parameters, and the largest overfitting."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from statistics import fmean
from typing import Any

from engine.analysis.claims import Claim, Number, format_p_value, last_epoch, last_epoch_mean, percent, points
from engine.analysis.ranking import best_variant_claims, ranked
from engine.analysis.results import ExperimentResult, VariantResult
from engine.analysis.significance import MIN_IMAGES, SIGNIFICANCE_LEVEL, compare, shortfall, spearman, uncertainty
from engine.utils.text import pluralise

MIN_ARCHITECTURES = 5  # with fewer, even a perfect rank correlation has p above SIGNIFICANCE_LEVEL


def architecture_claims(result: ExperimentResult, _findings: dict[str, Any]) -> Iterator[Claim]:
    """Compare architectures by accuracy, parameters and overfitting."""
    yield from best_variant_claims(result, "test accuracy")
    tested = ranked(result.compared)
    if len(tested) > 1:
        yield from _parameters(result, tested)
    yield from _overfitting(result)


def _parameters(result: ExperimentResult, tested: list[tuple[VariantResult, float]]) -> Iterator[Claim]:
    test = spearman([variant.parameters for variant, _ in tested], [mean for _, mean in tested])
    if test is None:
        return
    correlation, p = test
    figures = f"Spearman's rank correlation {correlation:+.2f}, {format_p_value(p)}, n = {len(tested)} architectures"
    follows = correlation > 0 and p < SIGNIFICANCE_LEVEL
    images = result.dataset.test_count
    if images < MIN_IMAGES:
        opening = (
            f"{pluralise(images, 'test image')} are too few to tell whether accuracy follows the number of parameters"
        )
    elif len(tested) < MIN_ARCHITECTURES:
        opening = f"{len(tested)} architectures are too few to tell whether accuracy follows the number of parameters"
    elif follows:
        opening = "Accuracy follows the number of parameters"
    else:
        opening = "These runs do not show that accuracy follows the number of parameters"
    contradiction, numbers = _contradiction(tested, images)
    yield Claim(
        f"{opening} ({figures}).{contradiction}",
        {"rank correlation": correlation, "p": p, "n": len(tested), **numbers},
        (result.experiment.id,),
        supported=len(tested) >= MIN_ARCHITECTURES and images >= MIN_IMAGES,
        headline=True,
    )


def _contradiction(tested: list[tuple[VariantResult, float]], images: int) -> tuple[str, dict[str, Number]]:
    """Describe the strongest counterexample: the pair where fewer parameters clearly gained the most accuracy."""
    pairs = [
        (compared, a, b)
        for a, b in combinations(tested, 2)  # the better one first
        if a[0].parameters < b[0].parameters
        and (compared := compare(a[0].test_accuracies, b[0].test_accuracies, images)).is_clear
    ]
    if not pairs:
        return " No pair clearly contradicts it." if images >= MIN_IMAGES else "", {}
    compared, (small, more), (large, less) = max(pairs, key=lambda pair: pair[0].difference)
    sentence = (
        f" Against it stands {small.name}: with {small.parameters:,} parameters it reaches {percent(more)}, "
        f"{large.name} with {large.parameters:,} only {percent(less)}, {points(more - less)} less{compared.verdict}."
    )
    return sentence, {f"{variant.name}: parameters": variant.parameters for variant in (small, large)}


def _overfitting(result: ExperimentResult) -> Iterator[Claim]:
    """State the generalisation gap: training minus validation accuracy, means over the last epoch."""
    gaps = {variant.name: gap for variant in result.compared if (gap := _gap(variant)) is not None}
    if not gaps:
        return
    name, (training, validation, n) = max(gaps.items(), key=lambda item: item[1][0] - item[1][1])
    least, (low, high, _) = min(gaps.items(), key=lambda item: item[1][0] - item[1][1])
    epoch = last_epoch(run for variant in result.compared for run in variant.counted_runs)
    figures = f"training {percent(training)}, validation {percent(validation)}, means of {epoch}, n = {n}"
    images, widest = result.dataset.validation_count, training - validation
    lacking = shortfall(n, images, "validation")
    no_gap = f"no training accuracy ends above its validation accuracy, not even that of {name} ({figures})."
    if lacking:
        seen = f"the widest gap has {name}, {points(widest)} ({figures})." if widest > 0 else no_gap
        sentence = f"What overfits can't be told from {lacking}: {seen}"
    elif widest <= 0:
        sentence = no_gap[0].upper() + no_gap[1:]
    elif widest <= (uncertain := uncertainty(validation, images)):
        sentence = (
            f"No network clearly overfits: the widest gap has {name}, {points(widest)} ({figures}), where {images:,} "
            f"validation images leave {points(uncertain)} uncertain."
        )
    else:
        sentence = f"{name} overfits most, by {points(widest)} ({figures})"
        sentence += f"; {least} least, by {points(low - high)}." if least != name else "."
    numbers = {f"{variant}: gap": training - validation for variant, (training, validation, _) in gaps.items()}
    yield Claim(sentence, {**numbers, "n": n}, (result.experiment.id,), supported=not lacking)


def _gap(variant: VariantResult) -> tuple[float, float, int] | None:
    """Return training and validation accuracy of the last epoch, means over the counted runs, and their number."""
    runs = variant.counted_runs
    if not runs:
        return None
    means = [fmean(last_epoch_mean(r, q) for r in runs) for q in ("training_accuracy", "validation_accuracy")]
    return means[0], means[1], len(runs)
