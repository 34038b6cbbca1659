"""engine.training.forward and engine.training.layers: each layer equals that of Keras, in any number of shares."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from engine.training.forward import NO_FOLDING, Forward
from engine.training.layers.training_pass import Shard, TrainingPass
from tests.engine.support import assert_close

SHAPE = (7, 6, 3)
TOLERANCE = 1e-5
Made = Callable[[], keras.layers.Layer]

# Besides convolutions and pooling, whose settings hypothesis chooses.
OTHERS: dict[str, tuple[Made, tuple[int, ...]]] = {
    "dense": (lambda: layers.Dense(4), (5,)),
    "dense without bias": (lambda: layers.Dense(4, use_bias=False), (5,)),
    "batch normalisation": (layers.BatchNormalization, SHAPE),
    "batch normalisation of units": (lambda: layers.BatchNormalization(momentum=0.8, epsilon=1e-5), (5,)),
    "layer normalisation": (layers.LayerNormalization, SHAPE),
    "layer normalisation of units": (lambda: layers.LayerNormalization(epsilon=1e-5), (5,)),
    "activation": (lambda: layers.Activation("tanh"), SHAPE),
    "global average pooling": (layers.GlobalAveragePooling2D, SHAPE),
    "flatten": (layers.Flatten, SHAPE),
}


def shares(images: int, count: int) -> list[Shard]:
    bounds = [tf.constant(images * number // count) for number in range(count + 1)]
    return [Shard.of(*each) for each in pairwise(bounds)]


def random_network(layer: keras.layers.Layer, shape: tuple[int, ...], seed: int = 0) -> keras.Sequential:
    """The layer alone, with random values in place of zeros and ones."""
    network = keras.Sequential([keras.Input(shape), layer])
    generator = np.random.default_rng(seed)
    network.set_weights([generator.uniform(0.5, 1.5, size=each.shape) for each in network.get_weights()])
    return network


def images_of(count: int, shape: tuple[int, ...], seed: int = 1) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(0.3, 2, size=(count, *shape)).astype(np.float32))


def with_gradients(network: keras.Model, images: tf.Tensor, outputs: Callable[[], tf.Tensor]) -> list[np.ndarray]:
    """The outputs, and the gradients of a random function of them: of the images and of all weights."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        found = outputs()
        factors = tf.constant(np.random.default_rng(2).normal(size=found.shape).astype(np.float32))
        value = tf.reduce_sum(found * factors)
    gradients = tape.gradient(value, [images, *network.trainable_variables])
    return [each.numpy() for each in (found, *gradients)]


def in_shares(network: keras.Model, images: tf.Tensor, count: int) -> list[np.ndarray]:
    """As ``with_gradients``, computed as in training; the placeholders of empty shares are left out."""
    training, parts = TrainingPass(network, NO_FOLDING, seed=0), shares(len(images), count)

    def outputs() -> tf.Tensor:
        batches = [part.part(images) for part in parts]
        groups = [list(range(count))] if training.is_joint else [[number] for number in range(count)]
        found: list[tf.Tensor] = []
        for group in groups:
            found += training([batches[number] for number in group], [parts[number] for number in group], {})
        return tf.concat([each for each, part in zip(found, parts, strict=True) if part.weight > 0], axis=0)

    return with_gradients(network, images, outputs)


def assert_equals_keras(made: Made, shape: tuple[int, ...], images: int = 7, counts: tuple[int, ...] = (1, 3)) -> None:
    batch = images_of(images, shape)
    plain = random_network(made(), shape)
    inferred, _ = Forward(plain, NO_FOLDING)(batch)
    assert_close(inferred, plain(batch, training=False), rel=TOLERANCE, abs=TOLERANCE)
    expected = with_gradients(plain, batch, lambda: plain(batch, training=True))
    for count in counts:
        network = random_network(made(), shape)
        for ours, theirs in zip(in_shares(network, batch, count), expected, strict=True):
            assert_close(ours, theirs, rel=TOLERANCE, abs=TOLERANCE * max(1.0, float(np.abs(theirs).max())))
        for ours, theirs in zip(network.get_weights(), plain.get_weights(), strict=True):
            assert_close(ours, theirs, rel=TOLERANCE, abs=TOLERANCE)


@pytest.mark.parametrize("name", OTHERS)
def test_a_layer_equals_that_of_keras_forward_and_backward(name: str) -> None:
    made, shape = OTHERS[name]
    assert_equals_keras(made, shape)


@settings(deadline=None, max_examples=8)
@given(
    st.sampled_from([layers.Conv2D, layers.DepthwiseConv2D]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.integers(1, 3),
    st.sampled_from(["valid", "same"]),
    st.booleans(),
)
def test_a_convolution_equals_that_of_keras(
    kind: type, size: tuple[int, int], stride: int, padding: str, bias: bool
) -> None:
    filters = (4,) if kind is layers.Conv2D else ()
    assert_equals_keras(lambda: kind(*filters, size, stride, padding, use_bias=bias), SHAPE)


def test_a_convolution_of_single_pixels_equals_that_of_keras() -> None:
    assert_equals_keras(lambda: layers.Conv2D(4, 1, 2, "same", use_bias=False), SHAPE)


def test_a_convolution_of_single_pixels_has_no_stride_in_tensorflow() -> None:
    """Its gradient by oneDNN overwrites foreign memory if an operation has several threads."""
    network = random_network(layers.Conv2D(4, 1, 2), SHAPE)

    def step(images: tf.Tensor) -> list[np.ndarray]:
        training = TrainingPass(network, NO_FOLDING, seed=0)
        with tf.GradientTape() as tape:
            (output,) = training([images], shares(7, 1), {})
        return list(tape.gradient(output, network.trainable_variables))

    nodes = tf.function(step).get_concrete_function(images_of(7, SHAPE)).graph.get_operations()
    found = {node.type: list(node.get_attr("strides")) for node in nodes if node.type.startswith("Conv2D")}
    assert {"Conv2D", "Conv2DBackpropFilter"} <= set(found)
    assert all(strides == [1, 1, 1, 1] for strides in found.values())


@settings(deadline=None, max_examples=8)
@given(
    st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["valid", "same"]),
)
def test_pooling_equals_that_of_keras(kind: type, size: int, stride: int, padding: str) -> None:
    assert_equals_keras(lambda: kind(size, stride, padding), SHAPE)


@pytest.mark.parametrize("shape", [SHAPE, (5,)])
@pytest.mark.parametrize("images", [1, 2, 8])
def test_batch_statistics_are_those_of_the_whole_batch_in_any_number_of_shares(
    shape: tuple[int, ...], images: int
) -> None:
    """Of one or two images in five shares, the others hold a placeholder."""
    assert_equals_keras(layers.BatchNormalization, shape, images, counts=(1, 2, 3, 5))


@pytest.mark.parametrize("count", [1, 3])
def test_moving_averages_are_those_of_keras_after_some_steps(count: int) -> None:
    ours, theirs = (random_network(layers.BatchNormalization(momentum=0.7), SHAPE) for _ in range(2))
    for step in range(5):
        batch = images_of(6, SHAPE, seed=step)
        in_shares(ours, batch, count)
        theirs(batch, training=True)
    for found, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(found, expected, rel=TOLERANCE, abs=TOLERANCE)


def test_the_variance_of_a_small_spread_far_from_zero_is_not_lost_to_rounding() -> None:
    network = random_network(layers.BatchNormalization(epsilon=1e-6), SHAPE)
    batch = images_of(6, SHAPE) * 0.01 + 100
    found = in_shares(network, batch, 3)[0]
    gamma, beta = network.layers[0].gamma.numpy(), network.layers[0].beta.numpy()
    exact = batch.numpy().astype(np.float64)
    expected = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-6) * gamma + beta
    assert_close(found, expected, rel=1e-2, abs=1e-2)


@pytest.mark.parametrize("before", [lambda: layers.Conv2D(4, 3), lambda: layers.DepthwiseConv2D(3), None])
def test_a_normalisation_is_merged_into_the_weights_before_it(before: Made | None) -> None:
    inputs = keras.Input(SHAPE)
    values = inputs if before is None else before()(inputs)
    network = keras.Model(inputs, layers.Activation("tanh")(layers.BatchNormalization()(values)))
    generator = np.random.default_rng(0)
    network.set_weights([generator.uniform(0.2, 0.5, size=each.shape) for each in network.get_weights()])
    batch = images_of(5, SHAPE)
    expected = network(batch, training=False)
    logits, (activation,) = Forward(network, NO_FOLDING)(batch)
    assert_close(logits, expected, rel=TOLERANCE, abs=TOLERANCE)
    assert_close(activation, expected, rel=TOLERANCE, abs=TOLERANCE)
    graph = tf.function(Forward(network, NO_FOLDING)).get_concrete_function(batch).graph
    products = [node for node in graph.get_operations() if node.type == "Mul" and node.outputs[0].shape.rank == 4]
    assert any(node.outputs[0].shape[0] == 5 for node in products) == (before is None)


@pytest.mark.parametrize("name", [*OTHERS, "convolution", "depthwise", "average", "sum"])
def test_bfloat16_is_near_float32(name: str) -> None:
    more: dict[str, tuple[Made, tuple[int, ...]]] = {
        "convolution": (lambda: layers.Conv2D(4, 3, 2, "same", use_bias=False), SHAPE),
        "depthwise": (lambda: layers.DepthwiseConv2D(3, 2, "same"), SHAPE),
        "average": (lambda: layers.AveragePooling2D(2, 1, "same"), SHAPE),
        "sum": (lambda: layers.Activation("relu"), SHAPE),
    }
    made, shape = (OTHERS | more)[name]
    network: keras.Model = random_network(made(), shape)
    if name == "sum":
        inputs = keras.Input(shape)
        network = keras.Model(inputs, layers.Add()([inputs, made()(inputs)]))
    batch = images_of(7, shape)
    exact = network(batch, training=False).numpy()
    rounded = Forward(network, NO_FOLDING, tf.bfloat16)(batch)[0].numpy()
    assert rounded.dtype == np.float32
    assert np.abs(rounded - exact).max() <= 0.02 * np.abs(exact).max()
