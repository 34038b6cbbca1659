"""engine.training.optimizers: the fused Adam equals Keras' Adam."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest


def weights_after(optimizer: Any, steps: int = 30) -> np.ndarray:
    """A matrix that was moved along gradients of very different size."""
    import keras

    generator = np.random.default_rng(0)
    variable = keras.Variable(generator.normal(size=(6, 5)).astype(np.float32))
    scale = np.logspace(-6, 2, 30).reshape(6, 5)
    for _ in range(steps):
        optimizer.apply(
            [keras.ops.convert_to_tensor((generator.normal(size=(6, 5)) * scale).astype(np.float32))], [variable]
        )
    return np.asarray(variable)


def test_the_steps_are_those_of_keras() -> None:
    import keras

    from engine.training.optimizers import FusedAdam

    found, expected = FusedAdam(0.01), keras.optimizers.Adam(0.01)
    assert weights_after(found) == pytest.approx(weights_after(expected), rel=1e-3, abs=2e-5)
    for ours, theirs in zip(found.variables, expected.variables, strict=True):
        assert np.asarray(ours) == pytest.approx(np.asarray(theirs), rel=1e-4)


def test_it_follows_a_schedule() -> None:
    import keras
    from keras.optimizers.schedules import ExponentialDecay

    from engine.training.optimizers import FusedAdam

    rates = [ExponentialDecay(0.1, 10, 0.5) for _ in range(2)]
    assert weights_after(FusedAdam(rates[0])) == pytest.approx(
        weights_after(keras.optimizers.Adam(rates[1])), rel=1e-3, abs=2e-5
    )
