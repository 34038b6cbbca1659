"""engine.training.layers.dropout: masks follow from seed, layer and step alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from engine.config.specs import TrainingSpec
from engine.training.layers.dropout import Masks
from engine.training.noise import noise, noise_run
from engine.training.trainer import build_model
from tests.engine.support import assert_close

RATE = 0.3


def masks(layer: keras.layers.Layer, seed: int = 1, number: int = 0) -> Masks:
    keras.Sequential([keras.Input((8, 6, 5)), layer])
    return Masks(layer, seed, number)


def drawn(found: Masks, images: int = 40, step: int = 3) -> np.ndarray:
    values: np.ndarray = found.draw(tf.constant(images), tf.constant(step, tf.int64)).numpy()
    return values


def test_values_are_zero_or_scaled_so_that_the_mean_remains() -> None:
    values = drawn(masks(layers.Dropout(RATE)))
    assert values.shape == (40, 8, 6, 5)
    assert np.unique(values) == pytest.approx([0, 1 / (1 - RATE)])
    assert (values == 0).mean() == pytest.approx(RATE, abs=0.02)


def test_spatial_dropout_drops_whole_channels() -> None:
    values = drawn(masks(layers.SpatialDropout2D(RATE)), images=400)
    assert values.shape == (400, 1, 1, 5)
    assert (values == 0).mean() == pytest.approx(RATE, abs=0.05)


def test_masks_differ_between_steps_layers_and_seeds_and_are_repeated_otherwise() -> None:
    first = drawn(masks(layers.Dropout(RATE)))
    assert np.array_equal(drawn(masks(layers.Dropout(RATE))), first)
    others = [
        drawn(masks(layers.Dropout(RATE)), step=4),
        drawn(masks(layers.Dropout(RATE), number=1)),
        drawn(masks(layers.Dropout(RATE), seed=2)),
    ]
    for other in others:
        assert (other != first).mean() == pytest.approx(2 * RATE * (1 - RATE), abs=0.02), "independent"


@pytest.mark.parametrize(
    "notation",
    [
        "Conv-3x3x4, Act, SpatialDropout-0.4, GlobalAvgPool, Dropout-0.5",
        "Conv-3x3x4, BatchNorm, Act, Dropout-0.4, GlobalAvgPool",
    ],
)
def test_a_step_is_the_same_in_any_number_of_shares(notation: str) -> None:
    """The second batch is of two images, fewer than there are shares."""
    spec = TrainingSpec(optimizer="sgd", learning_rate=0.1, batch_size=36)
    data, found = noise((6, 6, 2), 3, 38, 4), []
    for threads in (1, 2, 3):
        model = build_model(noise_run(f"small[{notation}]", spec), data, threads=threads)
        model.optimizer.build(model.network.trainable_variables)
        losses = [float(model.train_step(tf.constant(batch))[0]) for batch in range(2)]
        found.append((losses, model.network.get_weights()))
    (losses, weights), *others = found
    for other_losses, other_weights in others:
        assert other_losses == pytest.approx(losses, rel=1e-5)
        for ours, theirs in zip(other_weights, weights, strict=True):
            assert_close(ours, theirs, rel=1e-5, abs=1e-6)


def test_validation_and_test_drop_nothing() -> None:
    data = noise((6, 6, 2), 3, 38, 4)
    model = build_model(noise_run("small[FC-50, Dropout-0.9]", TrainingSpec()), data)
    assert_close(model.test(data.x_test, data.y_test)[1], model.network(data.x_test), rel=1e-5, abs=1e-6)
