"""Formatting of sizes."""

from __future__ import annotations

import pytest

from gui.utils.text import as_size


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
