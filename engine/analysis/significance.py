"""Significance tests: Welch's t-test for two samples, and Spearman's rank correlation with a permutation test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from engine.analysis.claims import Number, format_p_value, points
from engine.utils.arrays import Array

SIGNIFICANCE_LEVEL = 0.05  # accepted probability of a false positive
MAX_PAIRINGS = 9999  # of a permutation test: exhaustive up to seven pairs, beyond that this many random resamples


@dataclass(frozen=True)
class Comparison:
    """Comparison of two samples.

    Attributes:
        difference: of the means, first minus second.
        counts: sample sizes.
        spread: the larger sample standard deviation; None if either sample has fewer than two values.
        p: Welch's two-sided p; None as for ``spread``, and where neither sample varies.
    """

    difference: float
    counts: tuple[int, int]
    spread: float | None
    p: float | None

    @property
    def exceeds_spread(self) -> bool:
        """Whether the difference is larger than either standard deviation and significant."""
        if self.spread is None or abs(self.difference) <= self.spread:
            return False
        return self.p is None or self.p < SIGNIFICANCE_LEVEL

    @property
    def has_spread(self) -> bool:
        """Whether both samples have at least two values, so that a spread is known."""
        return self.spread is not None

    @property
    def outcome(self) -> str:
        """Clause that follows a sentence naming the difference, in the window as in the report."""
        if self.spread is None:
            return "; with one run there is no spread to compare that with, so it may be chance"
        return f", which {'exceeds' if self.exceeds_spread else 'does not exceed'} the spread over repeats"

    @property
    def verdict(self) -> str:
        """The outcome with the numbers behind it."""
        if self.spread is None:
            return self.outcome
        against = f"the larger standard deviation is {points(self.spread)}"
        tested = f", Welch's t-test gives {format_p_value(self.p)}" if self.p is not None else ""
        return f"{self.outcome} ({against}{tested}, n = {self.counts[0]} and {self.counts[1]})"

    @property
    def numbers(self) -> dict[str, Number]:
        """The numbers of the comparison, by name."""
        return {
            "difference of means": self.difference,
            "larger standard deviation": self.spread,
            "Welch's p": self.p,
        }


def compare(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compare two non-empty samples by a two-sided Welch test, which does not assume equal variances.

    B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved"
    (1947).
    """
    difference, counts = fmean(first) - fmean(second), (len(first), len(second))
    if min(counts) < 2:
        return Comparison(difference, counts, None, None)
    deviations = stdev(first), stdev(second)
    p = _welch(difference, deviations, counts) if max(deviations) > 0 else None
    return Comparison(difference, counts, max(deviations), p)


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
