"""Significance tests: Welch's t-test for two samples, and Spearman's rank correlation with a permutation test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from engine.analysis.claims import Number, format_p_value, points
from engine.utils.arrays import Array
from engine.utils.text import pluralise

SIGNIFICANCE_LEVEL = 0.05  # accepted probability of a false positive
MIN_IMAGES = 30  # fewer carry no claim about accuracies
# Fewest test images by which two accuracies must differ: if all images that only one network recognises are in favour
# of the same network, a sign test gives p = 2 / 2**5 = 0.06 for five of them, and 0.03 for six.
MIN_DIFFERENCE = 6
NORMAL_QUANTILE = 1.96  # two-sided, at SIGNIFICANCE_LEVEL
MAX_PAIRINGS = 9999  # of a permutation test: exhaustive up to seven pairs, beyond that this many random resamples


def shortfall(runs: int, images: int, part: str = "test") -> str:
    """Return what is too little for a claim, such as ``10 test images and n = 1``; empty if nothing is.

    Args:
        runs: the smallest number of runs of a variant.
        images: the number of images from which accuracies are computed; 0 if unknown, of logged runs.
        part: which images these are.
    """
    few_images = [pluralise(images, f"{part} image")] if 0 < images < MIN_IMAGES else []
    few_runs = [f"n = {runs}"] if runs < 2 else []
    return " and ".join(few_images + few_runs)


def uncertainty(accuracy: float, images: int) -> float:
    """Return the half-width of a 95 % confidence interval of an accuracy measured on ``images``; a fraction.

    A. Agresti and B. Coull, "Approximate Is Better than 'Exact' for Interval Estimation of Binomial Proportions"
    (1998): with two images added to the right and to the wrong ones it holds for few images and near 0 and 1 as well.
    """
    total = images + 4
    adjusted = (accuracy * images + 2) / total
    return NORMAL_QUANTILE * math.sqrt(adjusted * (1 - adjusted) / total)


@dataclass(frozen=True)
class Comparison:
    """Comparison of two samples of accuracies.

    Attributes:
        difference: of the means, first minus second.
        counts: sample sizes.
        spread: the larger sample standard deviation; None if either sample has fewer than two values.
        p: Welch's two-sided p; None as for ``spread``, and where neither sample varies.
        images: number of test images from which each accuracy was computed; 0 if unknown.
    """

    difference: float
    counts: tuple[int, int]
    spread: float | None
    p: float | None
    images: int

    @property
    def exceeds_spread(self) -> bool:
        """Whether the difference is larger than either standard deviation and significant."""
        if self.spread is None or abs(self.difference) <= self.spread:
            return False
        return self.p is None or self.p < SIGNIFICANCE_LEVEL

    @property
    def shortfall(self) -> str:
        """What is too little to compare the samples, see ``shortfall``; empty if nothing is."""
        return shortfall(min(self.counts), self.images)

    @property
    def is_clear(self) -> bool:
        """Whether the difference may be claimed: enough images and runs, beyond the spread, and of enough images."""
        return not self.shortfall and self.exceeds_spread and not self._is_of_few_images

    @property
    def _is_of_few_images(self) -> bool:
        return self.images > 0 and abs(self.difference) * self.images < MIN_DIFFERENCE - 1e-6

    @property
    def outcome(self) -> str:
        """Clause that follows a sentence naming the difference, in the window as in the report, if nothing lacks."""
        if not self.exceeds_spread:
            return ", which does not exceed the spread over repeats"
        few = (
            f", but is less than {MIN_DIFFERENCE} of the {self.images:,} test images" if self._is_of_few_images else ""
        )
        return f", which exceeds the spread over repeats{few}"

    @property
    def verdict(self) -> str:
        """The outcome with the numbers behind it."""
        against = f"the larger standard deviation is {points(self.spread or 0.0)}"
        tested = f", Welch's t-test gives {format_p_value(self.p)}" if self.p is not None else ""
        unknown = "" if self.images else ", on an unknown number of test images"
        return f"{self.outcome} ({against}{tested}, n = {self.counts[0]} and {self.counts[1]}{unknown})"

    @property
    def numbers(self) -> dict[str, Number]:
        """The numbers of the comparison, by name."""
        return {
            "difference of means": self.difference,
            "larger standard deviation": self.spread,
            "Welch's p": self.p,
            "test images": self.images or None,
        }


def compare(first: Sequence[float], second: Sequence[float], images: int) -> Comparison:
    """Compare two non-empty samples of accuracies by a two-sided Welch test, which does not assume equal variances.

    Each accuracy was computed from ``images`` test images, 0 if that is unknown.

    B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved"
    (1947).
    """
    difference, counts = fmean(first) - fmean(second), (len(first), len(second))
    if min(counts) < 2:
        return Comparison(difference, counts, None, None, images)
    deviations = stdev(first), stdev(second)
    p = _welch(difference, deviations, counts) if max(deviations) > 0 else None
    return Comparison(difference, counts, max(deviations), p, images)


def _welch(difference: float, deviations: tuple[float, float], counts: tuple[int, int]) -> float | None:
    """Compute the two-sided p; None where rounding makes it undefined.

    ``scipy.stats`` gives the same value but takes a second to import.
    """
    from scipy.special import stdtr

    errors = [deviation**2 / count for deviation, count in zip(deviations, counts, strict=True)]
    total = sum(errors)
    if not total:
        return None
    shares = [error / total for error in errors]
    freedom = 1 / sum(share**2 / (count - 1) for share, count in zip(shares, counts, strict=True))
    p = 2 * float(stdtr(freedom, -abs(difference) / math.sqrt(total)))
    return p if math.isfinite(p) else None


def spearman(first: Sequence[float], second: Sequence[float]) -> tuple[float, float] | None:
    """Compute Spearman's rank correlation of paired values, with a permutation test.

    With five networks the usual approximation of p is too small, hence the permutation test.
    C. Spearman, "The proof and measurement of association between two things" (1904).

    Returns:
        The correlation and its two-sided p; None if either sample is constant.
    """
    if min(len(set(first)), len(set(second))) < 2:
        return None
    from scipy.stats import permutation_test, rankdata

    fixed = _standardised(rankdata(second))

    def correlation(ranks: Array, axis: int = -1) -> Array:
        coefficient: Array = (_standardised(ranks, axis) * fixed).mean(axis=axis)
        return coefficient

    ranks = rankdata(first)
    tested = permutation_test(
        (ranks,), correlation, permutation_type="pairings", vectorized=True, n_resamples=MAX_PAIRINGS, rng=0
    )
    return float(tested.statistic), float(tested.pvalue)


def _standardised(values: Array, axis: int = -1) -> Array:
    centred = values - values.mean(axis=axis, keepdims=True)
    scaled: Array = centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True))
    return scaled
