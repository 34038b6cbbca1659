"""engine.experiments.basics.formulas: loss, gradient and batches against independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.experiments.basics.formulas import (
    Batches,
    cross_entropy,
    cross_entropy_of_logits,
    gradient_at_logits,
    softmax,
)
from engine.utils.arrays import Array

LOGITS = arrays(np.float64, st.integers(2, 8), elements=st.floats(-30, 30))


@pytest.mark.parametrize(("probability", "loss"), [(0.85, 0.1625), (0.7, 0.3567), (1.0, 0.0), (1 / math.e, 1.0)])
def test_the_loss_is_in_nats_and_of_the_true_class(probability: float, loss: float) -> None:
    assert cross_entropy(probability) == pytest.approx(loss, abs=5e-5)


def test_the_loss_of_a_true_class_of_probability_zero_is_infinite() -> None:
    assert cross_entropy(0.0) == math.inf


@given(LOGITS)
def test_softmax_gives_probabilities_in_the_order_of_the_logits(logits: Array) -> None:
    probabilities = softmax(logits)
    assert probabilities.sum() == pytest.approx(1)
    assert (probabilities >= 0).all()
    assert np.argmax(probabilities) in np.flatnonzero(np.isclose(logits, logits.max()))


@given(LOGITS, st.data())
def test_the_loss_of_logits_is_that_of_their_probability(logits: Array, data: st.DataObject) -> None:
    true_class = data.draw(st.integers(0, len(logits) - 1))
    probability = float(softmax(logits)[true_class])
    assert cross_entropy_of_logits(logits, true_class) == pytest.approx(cross_entropy(probability), abs=1e-12)


def test_the_loss_of_extreme_logits_is_finite_where_their_probability_vanishes() -> None:
    logits = np.array([1000.0, 0.0, -1000.0])
    assert cross_entropy_of_logits(logits, 2) == 2000
    np.testing.assert_array_equal(gradient_at_logits(logits, 2), [1, 0, -1])


@given(LOGITS, st.data())
def test_the_gradient_is_the_slope_of_the_loss(logits: Array, data: st.DataObject) -> None:
    true_class = data.draw(st.integers(0, len(logits) - 1))
    change = 1e-4
    slopes = [
        (
            cross_entropy_of_logits(logits + change * unit, true_class)
            - cross_entropy_of_logits(logits - change * unit, true_class)
        )
        / (2 * change)
        for unit in np.eye(len(logits))
    ]
    np.testing.assert_allclose(gradient_at_logits(logits, true_class), slopes, atol=1e-7)


def test_loss_and_gradient_are_those_that_the_framework_trains_with() -> None:
    import keras
    import tensorflow as tf

    logits = np.array([2.5, -1.0, 0.25], np.float32)
    variable = tf.Variable(logits[np.newaxis])
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(tf.constant([1]), variable)
    gradient = tape.gradient(loss, variable)
    assert cross_entropy_of_logits(logits, 1) == pytest.approx(float(loss), rel=1e-6)
    np.testing.assert_allclose(gradient_at_logits(logits, 1), gradient.numpy()[0], rtol=1e-5)


def test_the_course_trains_900_batches_an_epoch() -> None:
    batches = Batches(45_000, 50, 15)
    assert (batches.per_epoch, batches.last_size, batches.iterations) == (900, 50, 13_500)


@given(st.integers(1, 500), st.integers(1, 600), st.integers(1, 50))
def test_batches_are_those_that_cutting_gives(images: int, batch_size: int, epochs: int) -> None:
    batches = Batches(images, batch_size, epochs)
    cut = [min(batch_size, images - start) for start in range(0, images, batch_size)]
    assert (batches.per_epoch, batches.last_size) == (len(cut), cut[-1])
    assert batches.iterations == sum(len(cut) for _ in range(epochs))
