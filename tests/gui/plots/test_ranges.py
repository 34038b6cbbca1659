"""Axis ranges between round numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gui.plots.ranges import round_range


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_a_round_range_contains_its_values(low: float, span: float) -> None:
    high = low + span
    bottom, top = round_range(low, high)
    slack = 1e-9 * max(abs(low), abs(high), 1)
    assert bottom <= low + slack
    assert top >= high - slack
    assert top > bottom
