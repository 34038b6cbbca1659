"""Tests of significance: Welch's t-test for two samples, and Spearman's rank correlation with a permutation test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from engine.analysis.claims import Number, points, probability
from engine.utils.arrays import Array

LEVEL = 0.05  # of significance: how often a difference as large may come by chance
MOST_PAIRINGS = 9999  # of a permutation test: all of them up to seven pairs; beyond, so many drawn at random


@dataclass(frozen=True)
class Comparison:
    """Two samples compared: difference of their means, the larger of their sample standard deviations, Welch's p.

    ``spread`` and ``p`` are None where one of them has fewer than two values, ``p`` also where neither varies.
    """

    difference: float
    counts: tuple[int, int]
    spread: float | None
    p: float | None

    @property
    def exceeds_spread(self) -> bool:
        """Whether the means are further apart than either sample's standard deviation, and not by chance."""
        if self.spread is None or abs(self.difference) <= self.spread:
            return False
        return self.p is None or self.p < LEVEL

    @property
    def can_tell(self) -> bool:
        """Whether both were repeated."""
        return self.spread is not None

    @property
    def verdict(self) -> str:
        """What follows a sentence that names the difference, from its comma on."""
        if self.spread is None:
            return "; with one run there is no spread to compare that with, so it may be chance"
        against = f"the larger standard deviation is {points(self.spread)}"
        tested = f", Welch's t-test gives {probability(self.p)}" if self.p is not None else ""
        counts = f"n = {self.counts[0]} and {self.counts[1]}"
        outcome = (
            "exceeds the spread over repeats" if self.exceeds_spread else "does not exceed the spread over repeats"
        )
        return f", which {outcome} ({against}{tested}, {counts})"

    @property
    def numbers(self) -> dict[str, Number]:
        """The figures by name."""
        return {
            "difference of means": self.difference,
            "larger standard deviation": self.spread,
            "Welch's p": self.p,
        }


def compare(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Compare two samples; neither may be empty.

    B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved"
    (1947): no equal variances are assumed. Two-sided.
    """
    difference, counts = fmean(first) - fmean(second), (len(first), len(second))
    if min(counts) < 2:
        return Comparison(difference, counts, None, None)
    deviations = stdev(first), stdev(second)
    return Comparison(difference, counts, max(deviations), _welch(first, second) if max(deviations) > 0 else None)


def _welch(first: Sequence[float], second: Sequence[float]) -> float | None:
    from scipy.stats import ttest_ind_from_stats

    described = (*_described(first), *_described(second))
    p = float(ttest_ind_from_stats(*described, equal_var=False).pvalue)
    return p if math.isfinite(p) else None


def _described(sample: Sequence[float]) -> tuple[float, float, int]:
    return fmean(sample), stdev(sample), len(sample)


def spearman(first: Sequence[float], second: Sequence[float]) -> tuple[float, float] | None:
    """Spearman's rank correlation of paired values, with a permutation test.

    With five networks the usual approximation of p is too small, so the test is exact.
    C. Spearman, "The proof and measurement of association between two things" (1904).

    Returns:
        The correlation and its two-sided p; None where either sample doesn't vary.
    """
    if min(len(set(first)), len(set(second))) < 2:
        return None
    from scipy.stats import permutation_test, rankdata

    fixed = _standardised(rankdata(second))

    def correlation(ranks: Array, axis: int = -1) -> Array:
        found: Array = (_standardised(ranks, axis) * fixed).mean(axis=axis)
        return found

    ranks = rankdata(first)
    tested = permutation_test(
        (ranks,), correlation, permutation_type="pairings", vectorized=True, n_resamples=MOST_PAIRINGS, rng=0
    )
    return float(tested.statistic), float(tested.pvalue)


def _standardised(values: Array, axis: int = -1) -> Array:
    centred = values - values.mean(axis=axis, keepdims=True)
    scaled: Array = centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True))
    return scaled
