"""engine.analysis.significance: the tests behind claims, as SciPy computes them, and what is too little for one."""

from __future__ import annotations

import math
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, spearmanr, ttest_ind, ttest_ind_from_stats

from engine.analysis.significance import SIGNIFICANCE_LEVEL, compare, spearman, uncertainty

IMAGES = 360  # for testing, of the digits


def test_a_comparison_is_welchs_test() -> None:
    first, second = [0.95, 0.93, 0.94, 0.96], [0.91, 0.92, 0.90]
    found = compare(first, second, IMAGES)
    assert found.difference == pytest.approx(fmean(first) - fmean(second))
    assert found.spread == pytest.approx(max(stdev(first), stdev(second)))
    assert found.p == pytest.approx(ttest_ind(first, second, equal_var=False).pvalue)
    assert found.exceeds_spread


SAMPLES = st.lists(st.floats(0, 1), min_size=2, max_size=8)


@given(SAMPLES, SAMPLES)
def test_p_is_that_of_scipys_own_test(first: list[float], second: list[float]) -> None:
    found = compare(first, second, IMAGES).p
    if found is not None:
        described = (fmean(first), stdev(first), len(first), fmean(second), stdev(second), len(second))
        assert found == pytest.approx(float(ttest_ind_from_stats(*described, equal_var=False).pvalue), rel=1e-12)


def test_a_difference_within_the_spread_is_none() -> None:
    assert not compare([0.9, 0.8, 0.7], [0.85, 0.75, 0.65], IMAGES).exceeds_spread
    assert not compare([0.9, 0.7], [0.7, 0.5], IMAGES).exceeds_spread, (
        "further apart than the spread, but p is too large"
    )


def test_one_run_tells_nothing() -> None:
    found = compare([0.9], [0.5, 0.6], IMAGES)
    assert (found.spread, found.p, found.exceeds_spread, found.is_clear) == (None, None, False, False)
    assert found.shortfall == "n = 1"


def test_runs_that_do_not_vary_can_be_compared() -> None:
    found = compare([0.5, 0.5], [0.25, 0.25], IMAGES)
    assert (found.spread, found.p, found.exceeds_spread) == (0.0, None, True)


@pytest.mark.parametrize(
    ("images", "runs", "lacking"),
    [
        (10, 1, "10 test images and n = 1"),
        (29, 5, "29 test images"),
        (30, 1, "n = 1"),
        (30, 2, ""),
        (1, 2, "1 test image"),
    ],
)
def test_what_is_too_little_for_a_claim_is_named(images: int, runs: int, lacking: str) -> None:
    found = compare([1.0] * runs, [0.1] * runs, images)
    assert found.shortfall == lacking
    assert found.is_clear is not bool(lacking)


def test_fewer_images_than_a_sign_test_needs_are_no_clear_difference() -> None:
    assert not compare([0.5 + 5 / 360] * 3, [0.5] * 3, IMAGES).is_clear
    assert compare([0.5 + 6 / 360] * 3, [0.5] * 3, IMAGES).is_clear
    assert [binomtest(count, count).pvalue < SIGNIFICANCE_LEVEL for count in (5, 6)] == [False, True]


@given(st.integers(0, 2000), st.integers(30, 2000))
def test_the_uncertainty_covers_the_exact_interval_about_as_well(right: int, images: int) -> None:
    right = min(right, images)
    exact = binomtest(right, images).proportion_ci(method="wilson")
    width = (exact.high - exact.low) / 2
    assert 0.997 * width <= uncertainty(right / images, images) <= 1.5 * width


def test_the_rank_correlation_is_exact() -> None:
    found = spearman([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert found == (pytest.approx(1.0), pytest.approx(2 / math.factorial(5)))
    values = [3.0, 1.0, 2.0, 5.0, 4.0, 4.0]
    found = spearman(range(6), values)
    assert found is not None
    assert found[0] == pytest.approx(spearmanr(range(6), values).statistic)
    assert spearman([1, 1, 1], [1, 2, 3]) is None
