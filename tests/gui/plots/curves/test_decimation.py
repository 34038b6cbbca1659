"""Decimated curves look like all of their points."""

from __future__ import annotations

from array import array
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.observations.statistics import RepeatedCurve
from gui.plots.curves.decimation import Envelope, Frame, LineData, as_line, band_edges
from gui.plots.curves.options import Repeats
from gui.plots.curves.pyramid import Pyramid


def frame(low: float, high: float, logarithmic: bool = False, even: bool = True, width: float = 50) -> Frame:
    return Frame((low, high), (-3, 3), width, 100, logarithmic, False, even)


def noise(count: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(count)
    values[::97] = np.nan
    return values


@given(st.lists(st.integers(1, 90), min_size=1, max_size=6), st.integers(0, 6), st.integers(0, 80), st.integers(1, 200))
def test_blocks_hold_the_least_and_greatest_of_their_values(
    growth: list[int], level: int, first: int, length: int
) -> None:
    values = noise(sum(growth))
    pyramid = Pyramid()
    ends = np.cumsum([0, *growth]).tolist()
    for begin, end in pairwise(ends):
        pyramid.update(values[:end], values[:end] + 1, begin)
    first = min(first, len(values) - 1)
    last = min(first + length, len(values))
    begin, low, high = pyramid.blocks(first, last, level)
    for place, (least, greatest) in enumerate(zip(low, high, strict=True), start=begin):
        block = values[place << level : (place + 1) << level]
        if not np.isnan(block).all():
            assert (least, greatest) == (np.nanmin(block), np.nanmax(block) + 1)
    assert begin << level <= first
    assert (begin + len(low)) << level >= last


def test_bounds_leave_out_what_is_not_finite() -> None:
    pyramid = Pyramid()
    pyramid.update(np.array([np.nan, 2.0, np.inf]), np.array([np.nan, 2.0, np.inf]), 0)
    assert pyramid.bounds == (2.0, 2.0)
    pyramid.update(np.empty(0), np.empty(0), 0)
    assert pyramid.bounds is None


@pytest.mark.parametrize("count", [10, 1_000, 100_000])
@pytest.mark.parametrize(("logarithmic", "even"), [(False, True), (False, False), (True, True)])
def test_few_points_are_drawn_of_many_and_no_extreme_is_lost(count: int, logarithmic: bool, even: bool) -> None:
    x, values = np.arange(1.0, count + 1), noise(count)
    values[count // 2] = 40.0
    span = Envelope()
    span.update(x, values, values, 0)
    seen = frame(0, np.log10(count) if logarithmic else count, logarithmic, even)
    drawn_x, low, high, blocks = span.visible_part(seen, 1.0, 2.0, 50)
    assert len(low) <= 3 * 50 + 32
    assert blocks is (count > 50)
    assert np.nanmax(high) == 80.0
    assert np.nanmin(low) == pytest.approx(2 * np.nanmin(values))
    at = float(drawn_x[np.nanargmax(high)])
    place = (10**at if logarithmic else at) / count
    assert place == pytest.approx((count // 2 + 1) / count, abs=0.1)


def test_a_part_that_fits_is_not_decimated_and_continues_beyond_the_frame() -> None:
    x = np.arange(1000.0)
    span = Envelope()
    span.update(x, x, x, 0)
    drawn, low, _, blocks = span.visible_part(frame(100.5, 110.5), 1.0, 1.0, 50)
    assert drawn.tolist() == list(range(100, 112))
    assert low.tolist() == drawn.tolist()
    assert not blocks


def test_a_line_through_blocks_visits_the_least_and_the_greatest_of_each() -> None:
    x, low, high = np.arange(3.0), np.array([0.0, 1, 2]), np.array([5.0, 6, 7])
    xs, ys = as_line(x, low, high, blocks=True)
    assert xs.tolist() == [0, 0, 1, 1, 2, 2]
    assert ys.tolist() == [0, 5, 6, 1, 2, 7]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(-0.5, 1.5))
def test_the_nearest_record_is_found(gaps: list[float], share: float) -> None:
    x = np.cumsum(gaps)
    line = LineData()
    line.update(x, x, 0, 0.0)
    at = float(x[0] + share * (x[-1] - x[0]))
    found = line.nearest(at, 0.25)
    if x[0] - 0.25 <= at <= x[-1] + 0.25:
        assert found is not None
        assert abs(x[found] - at) == np.abs(x - at).min()
    else:
        assert found is None


def test_a_growing_line_is_smoothed_like_a_complete_one() -> None:
    x, values = np.arange(300.0), noise(300)
    grown, whole = LineData(), LineData()
    whole.update(x, values, 0, 0.9)
    for first, end in ((0, 100), (100, 250), (200, 300)):
        grown.update(x[:end], values[:end], first, 0.9)
    np.testing.assert_allclose(grown.line.low, whole.line.low)
    assert grown.line.pyramid.bounds == pytest.approx(whole.line.pyramid.bounds)
    np.testing.assert_array_equal(grown.raw.low, values)


def test_edges_of_a_band_are_where_there_are_two_runs() -> None:
    curve = RepeatedCurve()
    curve.update([array("d", [1, 2, 3]), array("d", [3, 6])])
    deviations = np.std([[1, 2], [3, 6]], axis=0, ddof=1)
    low, high = band_edges(curve, 0, Repeats.DEVIATION, logarithmic=False)
    np.testing.assert_allclose(high, [2 + deviations[0], 4 + deviations[1], np.nan], rtol=1e-6)
    np.testing.assert_allclose(low, [2 - deviations[0], 4 - deviations[1], np.nan], rtol=1e-6)
    low, high = band_edges(curve, 1, Repeats.ERROR, logarithmic=True)
    np.testing.assert_allclose(high, [4 + deviations[1] / 2**0.5, np.nan], rtol=1e-6)
    np.testing.assert_allclose(low * high, [16, np.nan], rtol=1e-6)
    low, high = band_edges(curve, 0, Repeats.RANGE, logarithmic=False)
    assert (low.tolist()[:2], high.tolist()[:2]) == ([1, 2], [3, 6])
