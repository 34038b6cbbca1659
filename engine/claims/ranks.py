"""Spearman's rank correlation with an exact test: with five networks, approximations say too much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.arrays import Array

MOST_PAIRINGS = 9999  # all of them up to seven pairs; beyond, so many drawn at random


def spearman(first: Sequence[float], second: Sequence[float]) -> tuple[float, float] | None:
    """Rank correlation of paired values and its two-sided p from a permutation test.

    None where either doesn't vary. C. Spearman, "The proof and measurement of association between two things" (1904).
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
