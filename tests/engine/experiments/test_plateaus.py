"""engine.experiments.schedule.plateaus and time_to_target: the stated rules on synthetic curves."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.statistics import time_to_target
from engine.experiments.schedule.plateaus import Plateau, epoch_means, find_plateau, plateau_rule

accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("curve", "patience", "delta", "epoch"),
    [
        ([0.1, 0.3, 0.5, 0.5, 0.5, 0.5], 3, 0.0, 3),
        ([0.1, 0.3, 0.5, 0.5, 0.5, 0.7], 3, 0.0, 6),  # two epochs without a rise are not yet three
        ([0.1, 0.3, 0.5, 0.5, 0.5, 0.5, 0.9], 3, 0.0, 3),  # values after the plateau are ignored
        ([0.1, 0.2, 0.3, 0.4], 2, 0.0, 4),  # never flat: after the last rise
        ([0.5, 0.4, 0.3, 0.2], 2, 0.0, 1),
        ([0.5], 1, 0.0, 1),
        ([0.50, 0.52, 0.54, 0.56], 2, 0.05, 1),  # rises, but too slowly: 0.56 would be enough, two epochs later
        ([0.50, 0.52, 0.54, 0.56], 3, 0.05, 4),  # the rise is above the best before, not above the epoch before
        ([0.5, 0.9, 0.6, 0.7, 0.8], 3, 0.0, 2),  # above the best, not above the last
        ([0.1, 0.2, 0.2], 1, 0.0, 2),
    ],
)
def test_the_plateau_begins_after_the_last_epoch_that_rose(
    curve: list[float], patience: int, delta: float, epoch: int
) -> None:
    assert find_plateau(np.array(curve), 0, patience, delta).epoch == epoch


def test_a_rise_must_be_more_than_the_least() -> None:
    assert find_plateau(np.array([0.5, 0.75, 0.75]), 0, 1, 0.25).epoch == 1
    assert find_plateau(np.array([0.5, 0.75, 0.75]), 0, 1, 0.2).epoch == 2


def test_epochs_before_the_start_are_forgotten() -> None:
    """At a smaller rate accuracy may start below the best of the larger one, and still rise."""
    curve = np.array([0.2, 0.9, 0.9, 0.9, 0.5, 0.6, 0.6, 0.6])
    assert find_plateau(curve, 0, 2, 0.0).epoch == 2
    assert find_plateau(curve, 4, 2, 0.0).epoch == 6
    assert find_plateau(curve, 7, 2, 0.0).epoch == 8


@given(accuracies, st.integers(1, 6), st.floats(0, 0.2))
def test_the_rule_holds_for_any_curve(curve: list[float], patience: int, delta: float) -> None:
    found = find_plateau(np.array(curve), 0, patience, delta).epoch
    best = [-math.inf]
    for accuracy in curve:  # a rise that is too small doesn't move the mark
        best.append(accuracy if accuracy > best[-1] + delta else best[-1])
    rises = [epoch for epoch in range(1, len(curve) + 1) if best[epoch] > best[epoch - 1]]
    assert found in rises
    assert not set(range(found + 1, min(found + patience, len(curve)) + 1)) & set(rises), "none follows within patience"
    before = [epoch for epoch in rises if epoch <= found]
    assert all(b - a <= patience for a, b in pairwise(before)), "it is the first such place"


@given(accuracies, st.integers(1, 6))
def test_the_plateau_lies_within_the_epochs_looked_at(curve: list[float], start: int) -> None:
    padded = np.array([0.5] * start + curve)
    assert start < find_plateau(padded, start, 3, 0.01).epoch <= len(padded)


def test_the_mean_of_an_epoch_is_over_its_records() -> None:
    found = epoch_means([1, 1, 2, 3, 3], [0.25, 0.75, 0.5, 0.0, 1.0], 4)
    assert found[:3].tolist() == [0.5, 0.5, 0.5]
    assert math.isnan(found[3])


def test_an_epoch_without_a_record_says_nothing_of_a_plateau() -> None:
    """Recorded every third epoch, accuracy rises each time: no plateau."""
    curve = epoch_means([3, 6, 9], [0.2, 0.5, 0.8], 9)
    assert find_plateau(curve, 0, 2, 0.005).epoch == 9


def test_how_a_plateau_was_found_is_said() -> None:
    assert find_plateau(np.array([0.1, 0.5, 0.5, 0.5]), 0, 2, 0.0) == Plateau(2, "plateau")
    assert find_plateau(np.array([0.1, 0.5, 0.5]), 0, 2, 0.0) == Plateau(2, "last rise")
    assert Plateau(5, "plateau").at_most(4) == Plateau(4, "moved")
    assert Plateau(4, "plateau").at_most(4) == Plateau(4, "plateau")


def test_the_rule_is_said_with_its_numbers() -> None:
    assert "more than 0.5 points" in plateau_rule(0.005, 3)
    assert "once 3 epochs in a row" in plateau_rule(0.005, 3)


@given(st.lists(st.floats(0, 1), max_size=20), st.floats(0, 1))
def test_the_first_record_that_reaches_the_target_is_found(values: list[float], target: float) -> None:
    highest = list(accumulate(values, max))
    expected = sum(high < target for high in highest)
    epochs, seconds = list(range(len(values))), [10.0 * n for n in range(len(values))]
    found = time_to_target(epochs, seconds, values, target)
    assert found == ((expected, 10.0 * expected) if expected < len(values) else None)


def test_a_value_that_is_no_number_reaches_nothing() -> None:
    assert time_to_target([1, 2], [0.5, 1.0], [math.nan, 0.5], 0.5) == (2, 1.0)
