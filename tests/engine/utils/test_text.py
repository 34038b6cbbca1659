"""engine.utils.text: durations."""

from __future__ import annotations

import math

import pytest

from engine.utils.text import as_duration, as_estimate


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (245, "4 min 05 s"), (7805, "2 h 10 min"), (3599.6, "1 h 00 min")]
)
def test_measured_durations_are_exact(seconds: float, text: str) -> None:
    assert as_duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(2.04, "2.0 s"), (59.96, "1 min 00 s"), (75.5, "1 min 16 s")])
def test_short_ones_have_decimals_where_asked(seconds: float, text: str) -> None:
    assert as_duration(seconds, decimals=1) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (110, 130, "about 2 min"),
        (3400, 3900, "about 1 h"),
        (10_000, 11_000, "about 2 h 50 min"),
        (8.4, 21, "8 to 25 s"),
        (70, 185, "1 min to 3 min 30 s"),
        (100, 200, "1 min 30 s to 3 min 30 s"),
        (120, 240, "2 to 4 min"),
        (55, 121, "55 s to 2 min 30 s"),
        (0.2, 3.5, "less than 4 s"),
        (0.0, 0.4, "less than 1 s"),
        (0.0, 0.0, "less than 1 s"),
        (12.9, math.inf, "at least 10 s"),
        (0.0, math.inf, ""),
    ],
)
def test_estimated_durations_are_no_more_precise_than_they_are_known(low: float, high: float, text: str) -> None:
    assert as_estimate(low, high) == text
