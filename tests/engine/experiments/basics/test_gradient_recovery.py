"""engine.experiments.basics.gradient_recovery: exact to rounding under plain SGD, and under no other optimiser."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.datasets import PreparedData
from engine.experiments.basics.gradient_recovery import (
    GradientComparison,
    RecoverySettings,
    Step,
    batches_of,
    compare,
    recover,
    rounding_bound,
)
from engine.utils.arrays import Array
from engine.utils.errors import SpecError

SETTINGS = RecoverySettings(learning_rate=0.01, momentum=0.9, steps=12, batch_size=50, hidden_units=8, seed=0)
FLOATS = st.floats(-100, 100, width=32)


def steps_of(data: PreparedData, settings: RecoverySettings) -> list[Step]:
    steps: list[Step] = []
    recover(data, settings, lambda _step, found: steps.append(found))
    return steps


@pytest.fixture(scope="module")
def steps(few_digits: PreparedData) -> list[Step]:
    return steps_of(few_digits, SETTINGS)


def test_under_sgd_the_difference_is_float32_rounding(steps: list[Step]) -> None:
    for step in steps:
        found = step["sgd"]
        assert found.within
        assert 0 < found.difference <= found.bound
        assert found.gradient > 1000 * found.bound, "rounding is small beside the gradient"


def test_the_bound_is_not_far_above_what_happens(steps: list[Step]) -> None:
    assert max(step["sgd"].difference / step["sgd"].bound for step in steps) > 0.3


def test_under_momentum_it_holds_in_the_first_step_alone(steps: list[Step]) -> None:
    assert steps[0]["momentum"] == steps[0]["sgd"]
    for step in steps[1:]:
        assert not step["momentum"].within
        assert step["momentum"].difference > 1000 * step["momentum"].bound


def test_under_adam_it_never_holds_and_first_steps_are_of_size_one(steps: list[Step]) -> None:
    assert not any(step["adam"].within for step in steps)
    # (w_k - w_{k+1}) / rate is then ±1, so what is off is 1 less a gradient that is smaller.
    assert steps[0]["adam"].difference == pytest.approx(1, abs=0.1)


@pytest.mark.long
def test_the_bound_holds_at_any_rate_and_a_smaller_one_recovers_less_precisely(
    few_digits: PreparedData, steps: list[Step]
) -> None:
    first = {}
    for rate in (1e-8, 1.0):
        found = steps_of(few_digits, replace(SETTINGS, learning_rate=rate, steps=4))
        assert all(step["sgd"].within for step in found)
        first[rate] = found[0]["sgd"].difference
    assert first[1e-8] > 100 * steps[0]["sgd"].difference > 100 * first[1.0]


def test_a_gradient_that_is_not_finite_ends_it_with_a_sentence(few_digits: PreparedData) -> None:
    broken = replace(few_digits, x_train=few_digits.x_train * np.float32(np.inf))
    with pytest.raises(SpecError, match="smaller learning rate"):
        steps_of(broken, SETTINGS)


def test_every_step_is_reported_in_order_the_seed_fixes_it_and_the_callback_can_end_it(
    few_digits: PreparedData, steps: list[Step]
) -> None:
    reported: dict[int, Step] = {}

    def stop(step: int, found: Step) -> None:
        reported[step] = found
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recover(few_digits, SETTINGS, stop)
    assert list(reported) == [1, 2, 3]
    assert list(reported.values()) == steps[:3]


def test_another_seed_gives_other_numbers(few_digits: PreparedData, steps: list[Step]) -> None:
    assert steps_of(few_digits, replace(SETTINGS, steps=1, seed=1)) != steps[:1]


def test_an_epoch_visits_every_image_once_and_ends_with_a_short_batch() -> None:
    batches = list(islice(batches_of(130, SETTINGS), 6))
    assert [len(batch) for batch in batches] == [50, 50, 30] * 2
    for epoch in (batches[:3], batches[3:]):
        assert sorted(np.concatenate(epoch)) == list(range(130))
    assert batches[0].tolist() != batches[3].tolist(), "each epoch has an order of its own"


@given(
    arrays(np.float32, 6, elements=FLOATS),
    arrays(np.float32, 6, elements=FLOATS),
    st.floats(1e-8, 1000).map(lambda rate: float(np.float32(rate))),
)
def test_no_rounding_of_a_step_goes_beyond_the_bound(before: Array, gradient: Array, rate: float) -> None:
    after = before - np.float32(rate) * gradient
    assert after.dtype == np.float32
    found = compare(before, after, gradient, rate)
    assert found.within
    assert found.difference <= found.bound


def test_a_gradient_that_is_slightly_wrong_is_detected() -> None:
    before, gradient = np.full(3, 0.1, np.float32), np.array([0.5, -0.25, 2.0], np.float32)
    rate = float(np.float32(0.01))
    after = before - np.float32(rate) * gradient
    assert compare(before, after, gradient, rate).within
    assert not compare(before, after, gradient * np.float32(1.001), rate).within


def test_a_comparison_names_the_largest_of_each() -> None:
    before, after = np.array([1.0, 2.0], np.float32), np.array([0.5, 2.25], np.float32)
    gradient = np.array([1.0, -0.25], np.float32)
    found = compare(before, after, gradient, 0.5)
    bound = rounding_bound(after, gradient, 0.5)
    assert found == GradientComparison(difference=0.25, gradient=1.0, bound=float(bound.max()), within=False)
    assert bound[0] == pytest.approx(2**-24 * (0.5 / 0.5 + 1.0))
