"""engine.analysis.smoothing: the bias-corrected exponential moving average."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.smoothing import exponential_average

VALUES = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(np.nan), st.just(np.inf)), max_size=40)


def by_definition(values: list[float], share: float) -> list[float]:
    """The weighted mean of all finite values so far, each weight ``share`` times that of the next value."""
    result, seen = [], list[float]()
    for value in values:
        seen += [value] if np.isfinite(value) else []
        weights = share ** np.arange(len(seen))[::-1]
        result.append(float(np.average(seen, weights=weights)) if np.isfinite(value) else np.nan)
    return result


@given(VALUES, st.floats(0.01, 0.99))
def test_it_is_the_weighted_mean_of_the_finite_values_so_far(values: list[float], share: float) -> None:
    np.testing.assert_allclose(exponential_average(values, share), by_definition(values, share), rtol=1e-6, atol=1e-3)


@given(VALUES, st.integers(0, 40), st.floats(0.01, 0.99))
def test_a_growing_curve_is_smoothed_like_a_complete_one(values: list[float], cut: int, share: float) -> None:
    before = exponential_average(values[:cut], share)
    joined = np.concatenate([before, exponential_average(values[cut:], share, before)])
    np.testing.assert_allclose(joined, exponential_average(values, share), rtol=1e-6, atol=1e-3)


def test_the_first_value_is_not_biased_towards_zero() -> None:
    assert exponential_average([4.0, 4.0, 4.0], 0.99) == pytest.approx([4.0] * 3)


def test_without_smoothing_values_are_as_they_were() -> None:
    assert exponential_average([1.0, 5.0], 0.0).tolist() == [1.0, 5.0]
