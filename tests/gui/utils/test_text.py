"""Formatting of durations and sizes."""

from __future__ import annotations

import pytest

from engine.utils.text import as_duration
from gui.utils.text import as_size


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (245, "4 min 05 s"), (7805, "2 h 10 min"), (3599.6, "1 h 00 min")]
)
def test_durations_are_formatted_for_people(seconds: float, text: str) -> None:
    assert as_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_400, "999 kB"),
        (1_500_000, "1.5 MB"),
        (170_052_171, "170 MB"),
        (4e9, "4.0 GB"),
    ],
)
def test_sizes_are_formatted_for_people(count: int, text: str) -> None:
    assert as_size(count) == text
