"""Incremental statistics over runs equal those of all records at once."""

from __future__ import annotations

import math
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.statistics import mean_and_deviation
from gui.observations import statistics
from gui.observations.growable_array import GrowableArray
from gui.observations.statistics import RepeatedCurve, copied

VALUE = st.one_of(st.floats(-1e3, 1e3), st.sampled_from([math.nan, math.inf]))
GROWTH = st.lists(st.tuples(st.integers(0, 3), st.lists(VALUE, max_size=9)), max_size=12)


def table(runs: list[array[float]]) -> np.ndarray:
    rows = np.full((len(runs), max(map(len, runs))), np.nan)
    for row, run in zip(rows, runs, strict=True):
        row[: len(run)] = run
    return np.where(np.isfinite(rows), rows, np.nan)


@given(GROWTH, st.integers(1, 5))
def test_growing_runs_in_any_order_give_the_statistics_of_the_whole(
    growth: list[tuple[int, list[float]]], columns: int
) -> None:
    runs = [array("d") for _ in range(4)]
    curve = RepeatedCurve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "COLUMNS_AT_ONCE", columns)
        for run, values in growth:
            runs[run].extend(values)
            curve.update(runs)
    rows = table(runs)
    mean, deviation = mean_and_deviation(rows)
    np.testing.assert_allclose(curve.mean, mean)
    np.testing.assert_allclose(curve.deviation, deviation, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(curve.least, np.fmin.reduce(rows), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(curve.greatest, np.fmax.reduce(rows), rtol=1e-6, atol=1e-30)
    assert curve.count.tolist() == np.isfinite(rows).sum(axis=0).tolist()


def test_it_says_from_where_on_it_has_changed() -> None:
    runs = [array("d", [1, 2, 3, 4]), array("d", [1])]
    curve = RepeatedCurve()
    curve.update(runs)
    seen = curve.version
    assert curve.changed_since(seen) == 4
    runs[1].extend([5, 6])
    runs[0].append(7)
    curve.update(runs)
    assert curve.changed_since(seen) == 1
    assert curve.changed_since(0) == 0


def test_without_news_nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [array("d", [1, 2]), array("d", [3])]
    curve = RepeatedCurve()
    curve.update(runs)
    monkeypatch.setattr(curve, "_compute", lambda *_: pytest.fail("computed without news"))
    curve.update(runs)


def test_only_records_with_news_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [array("d", range(1000)), array("d", range(10))]
    curve = RepeatedCurve()
    curve.update(runs)
    computed = []
    monkeypatch.setattr(curve, "_compute", lambda _runs, first, last: computed.append((first, last)))
    runs[1].append(10.0)
    curve.update(runs)
    assert computed == [(10, 11)]


def test_runs_that_begin_again_are_computed_anew() -> None:
    curve = RepeatedCurve()
    curve.update([array("d", [1, 2, 3])])
    curve.update([array("d", [5])])
    assert curve.mean.tolist()[:1] == [5.0]


def test_a_copy_lends_no_memory() -> None:
    curve = array("d", [1, 2])
    piece = copied(curve)
    curve.append(3)
    assert piece.tolist() == [1.0, 2.0]


@given(st.lists(st.tuples(st.integers(0, 30), st.lists(st.floats(-1, 1), max_size=20)), max_size=10))
def test_a_growing_array_holds_what_was_put_there(pieces: list[tuple[int, list[float]]]) -> None:
    growing, expected = GrowableArray(), list[float]()
    for first, values in pieces:
        first = min(first, len(expected))  # noqa: PLW2901
        growing.replace(first, np.array(values))
        expected[first:] = values
        assert growing.values.tolist() == expected
