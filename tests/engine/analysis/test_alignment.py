"""Means over curves recorded at different steps."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.analysis.alignment import align, logged_points
from engine.analysis.statistics import mean_and_deviation

NAN = math.nan


def points(**values: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve from keywords such as ``s10=0.5``."""
    return np.array([float(key[1:]) for key in values]), np.array([*values.values()])


@given(arrays(float, (3, 5), elements=st.floats(-1e9, 1e9)))
def test_curves_of_the_same_steps_are_not_interpolated(table: np.ndarray) -> None:
    own = np.array([1.0, 10.0, 11.0, 30.0, 100.0])
    steps, aligned = align([(own, row) for row in table])
    np.testing.assert_array_equal(steps, own)
    np.testing.assert_array_equal(aligned, table)


def test_a_curve_lies_between_its_neighbours_within_its_range_only() -> None:
    steps, aligned = align([points(s10=1.0, s30=3.0), points(s20=5.0, s40=7.0)])
    assert steps.tolist() == [10, 20, 30, 40]
    np.testing.assert_array_equal(aligned, [[1, 2, 3, NAN], [NAN, 5, 6, 7]])
    np.testing.assert_array_equal(mean_and_deviation(aligned)[0], [1, 3.5, 4.5, 7])


def test_nothing_is_known_next_to_a_value_that_is_not_finite() -> None:
    _, aligned = align([points(s10=1.0, s20=math.inf, s30=3.0), points(s10=1.0, s15=1.0, s25=1.0, s30=1.0)])
    assert np.isfinite(aligned[0]).tolist() == [True, False, False, False, True]


def test_what_was_not_logged_is_no_point() -> None:
    steps, values = logged_points(np.array([1.0, 2.0, 3.0]), np.array([NAN, math.inf, 0.5]))
    assert (steps.tolist(), values.tolist()) == ([2, 3], [math.inf, 0.5])
