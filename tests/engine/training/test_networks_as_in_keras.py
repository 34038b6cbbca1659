"""A network with every kind of layer, trained here and by a plain loop over Keras' layers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from engine.config.specs import TrainingSpec
from engine.datasets import PreparedData
from engine.events.runs import Record, RunStarted, Weights
from engine.networks.architectures import build_network
from engine.training.noise import noise, noise_run
from engine.training.trainer import build_model
from tests.engine.support import assert_close, of, train_here

# All but dropout, whose masks Keras draws from a state.
NETWORK = (
    "all[Conv-3x3x6(same, no bias, L2 0.01), BatchNorm(momentum 0.9), Act, "
    "Skip[Conv-3x3x8(same, stride 2, no bias), BatchNorm, Act, DepthwiseConv-3x3(same, L2 0.02), LayerNorm | "
    "Conv-1x1x8(stride 2, no bias), BatchNorm], Act, MaxPool-3x3(stride 1, same), AvgPool-2x2, Skip[Conv-1x1x8], "
    "GlobalAvgPool, FC-6(no bias, L2 0.03), BatchNorm, Act]"
)
SHAPE, CLASSES, BATCH = (8, 8, 3), 4, 60
SPEC = TrainingSpec(optimizer="sgd", learning_rate=0.1, batch_size=BATCH, record_every=1, epochs=2)


@pytest.fixture(scope="module")
def data() -> PreparedData:
    """Two batches, of which the last is of two images."""
    return noise(SHAPE, CLASSES, BATCH + 2, 20)


@pytest.fixture(scope="module")
def plain(data: PreparedData) -> tuple[keras.Model, list[float], list[tf.Tensor]]:
    """The network after both batches, the plain losses, and the gradients of the last step."""
    network = build_network(NETWORK, SHAPE, CLASSES, noise_run(NETWORK, SPEC).network, seed=0)
    optimizer, losses = keras.optimizers.SGD(0.1), []
    for start in (0, BATCH):
        images, labels = (each[start : start + BATCH] for each in (data.x_train, data.y_train))
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
            penalized = loss + tf.add_n(network.losses)
        gradients = tape.gradient(penalized, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        losses.append(float(loss))
    return network, losses, gradients


@pytest.mark.parametrize("threads", [3, *(pytest.param(count, marks=pytest.mark.long) for count in (1, 2, 5))])
def test_steps_equal_those_of_keras_in_any_number_of_shares(
    threads: int, data: PreparedData, plain: tuple[keras.Model, list[float], list[tf.Tensor]]
) -> None:
    network, losses, gradients = plain
    model = build_model(noise_run(NETWORK, SPEC), data, threads=threads)
    model.optimizer.build(model.network.trainable_variables)
    (first, _, _), (second, _, measured) = (model.train_step(tf.constant(batch)) for batch in range(2))
    assert [float(first), float(second)] == pytest.approx(losses, rel=1e-5), "without the penalty of L2"
    by_name = {
        variable.path: gradient for variable, gradient in zip(network.trainable_variables, gradients, strict=True)
    }
    kernels = [path for path in by_name if path.endswith("/kernel")]
    order = ["conv_1", "conv_2", "depthwiseconv_1", "conv_3", "conv_4", "dense_1", "prediction"]
    assert len(measured) == len(order) == len(kernels)
    for name, gradient in zip(order, measured, strict=True):
        assert_close(gradient, by_name[f"{name}/kernel"], rel=1e-4, abs=1e-5)
    for ours, theirs in zip(model.network.weights, network.weights, strict=True):
        assert ours.path.endswith(theirs.path.rpartition("/")[2])
        assert_close(ours.numpy(), theirs.numpy(), rel=1e-5, abs=1e-5)
    logits = model.test(data.x_test, data.y_test)[1]
    assert_close(logits, network(data.x_test, training=False), rel=1e-4, abs=1e-5)


@pytest.mark.long
def test_names_norms_ratios_and_weights_of_a_run_belong_together(data: PreparedData) -> None:
    """Under SGD a kernel's change is the rate times its gradient."""
    run = noise_run(NETWORK, SPEC.replace(batch_size=BATCH + 2))
    events = train_here(run, data)
    (started,), records, weights = of(RunStarted, events), of(Record, events), of(Weights, events)
    assert started.layers == ("conv_1", "conv_2", "depthwiseconv_1", "conv_3", "conv_4", "dense_1", "prediction")
    assert started.activations == ("act_1", "act_2", "act_3", "act_4")
    assert started.units == (6, 8, 8, 6)
    for number, name in enumerate(started.layers):
        before, after = (each.values for each in weights[: 2 * len(started.layers)] if each.layer == name)
        change = np.linalg.norm(after - before)
        assert records[0].gradient_norms[number] == pytest.approx(change / 0.1, rel=1e-3)
        assert records[0].update_ratios[number] == pytest.approx(change / np.linalg.norm(before), rel=1e-3)
    depthwise = next(each for each in weights if each.layer == "depthwiseconv_1")
    assert depthwise.values.shape == (8, 1, 3, 3)
    assert len(records[0].activation_means) == len(started.activations)
