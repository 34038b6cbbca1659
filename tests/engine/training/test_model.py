"""engine.training.model: its measurements equal those of a plain training loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from engine.config.specs import RunSpec
from engine.datasets import PreparedData
from engine.devices.libraries import EIGEN, ONEDNN
from engine.events.runs import Record, RunStarted, Weights
from engine.networks.architectures import build_network
from engine.training import forward
from engine.training.callbacks.shuffle import ShuffleOrder
from engine.training.evaluation import ACTIVATION_IMAGES, Evaluation, Evaluator
from engine.training.forward import Forward, folding_for
from engine.training.forward import fold as forward_fold
from engine.training.model import MeasuredModel
from engine.training.trainer import build_model, fit
from tests.engine.support import assert_close, few, of, small_run, timeless, train_here

Batch = tuple[np.ndarray, np.ndarray]


@dataclass
class Orders:
    """Stands in for the model: keeps the order of every epoch."""

    found: list[np.ndarray] = field(default_factory=list)

    def begin_epoch(self, epoch: int, order: np.ndarray) -> None:
        self.found.append(order)


def batches(run: RunSpec, data: PreparedData) -> list[Batch]:
    """The batches of a whole run, one a step."""
    orders, callback = Orders(), ShuffleOrder(run.seed, len(data.y_train))
    callback.set_model(orders)
    for epoch in range(run.training.epochs):
        callback.on_epoch_begin(epoch)
    size = run.training.batch_size
    chosen = [order[start : start + size] for order in orders.found for start in range(0, len(order), size)]
    return [(data.x_train[index], data.y_train[index]) for index in chosen]


@dataclass(frozen=True)
class Step:
    """Measurements of a plain loop at one step: loss, accuracy, and each layer's gradient norm and update ratio."""

    loss: float
    accuracy: float
    norms: list[float]
    ratios: list[float]
    validation: tuple[float, float]


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Mean loss in nats, accuracy, and the gradient of the loss with respect to the logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logarithms = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(labels))
    gradient = np.exp(logarithms)
    gradient[rows, labels] -= 1
    accuracy = (logits.argmax(axis=1) == labels).mean()
    return -logarithms[rows, labels].mean(), accuracy, gradient / len(labels)


class NumpyMlp2:
    """mlp_2 in float64 with analytical gradients, trained by plain SGD."""

    def __init__(self, initial: list[np.ndarray], rate: float) -> None:
        self.w1, self.b1, self.w2, self.w3, self.b3 = (values.astype(np.float64) for values in initial)
        self.rate = rate

    def forward(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        flat = images.reshape(len(images), -1).astype(np.float64)
        hidden = np.maximum(flat @ self.w1 + self.b1, 0)
        second = hidden @ self.w2
        return flat, hidden, second, second @ self.w3 + self.b3

    def step(self, images: np.ndarray, labels: np.ndarray, data: PreparedData) -> Step:
        flat, hidden, second, logits = self.forward(images)
        loss, accuracy, g_logits = cross_entropy(logits, labels)
        g_second = g_logits @ self.w3.T
        g_hidden = (g_second @ self.w2.T) * (hidden > 0)
        gradients = [flat.T @ g_hidden, hidden.T @ g_second, second.T @ g_logits]
        norms = [float(np.linalg.norm(gradient)) for gradient in gradients]
        kernels = [self.w1, self.w2, self.w3]
        ratios = [self.rate * n / float(np.linalg.norm(k)) for n, k in zip(norms, kernels, strict=True)]
        self.w1, self.w2, self.w3 = (k - self.rate * g for k, g in zip(kernels, gradients, strict=True))
        self.b1 -= self.rate * g_hidden.sum(axis=0)
        self.b3 -= self.rate * g_logits.sum(axis=0)
        validation = cross_entropy(self.forward(data.x_validation)[3], data.y_validation)
        return Step(float(loss), float(accuracy), norms, ratios, (float(validation[0]), float(validation[1])))


class EagerLoop:
    """Any architecture, trained eagerly by Keras' Adam."""

    def __init__(self, network: keras.Sequential, rate: float) -> None:
        self.network, self.optimizer = network, keras.optimizers.Adam(rate)

    def step(self, images: np.ndarray, labels: np.ndarray, data: PreparedData) -> Step:
        variables = self.network.trainable_variables
        before = [variable.numpy() for variable in variables]
        with tf.GradientTape() as tape:
            logits = self.network(images)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply(gradients, variables)
        kernels = [i for i, variable in enumerate(variables) if variable.name == "kernel"]
        validation = cross_entropy(self.network(data.x_validation).numpy(), data.y_validation)
        return Step(
            loss=float(loss),
            accuracy=float((logits.numpy().argmax(axis=1) == labels).mean()),
            norms=[float(np.linalg.norm(gradients[i])) for i in kernels],
            ratios=[
                float(np.linalg.norm(variables[i].numpy() - before[i]) / np.linalg.norm(before[i])) for i in kernels
            ],
            validation=(float(validation[0]), float(validation[1])),
        )


def numpy_loop(run: RunSpec) -> NumpyMlp2:
    network = build_network(run.architecture, (32, 32, 1), 10, run.network, run.seed)
    return NumpyMlp2(network.get_weights(), run.training.learning_rate)


def eager_loop(run: RunSpec) -> EagerLoop:
    network = build_network(run.architecture, (32, 32, 1), 10, run.network, run.seed)
    return EagerLoop(network, run.training.learning_rate)


def assert_agrees(found: Record, steps: list[Step], tolerance: float) -> None:
    """Compare a record with the plain loop's measurements since the last record."""
    last = steps[-1]
    expected = [
        *(np.mean([step.loss for step in steps]), np.mean([step.accuracy for step in steps])),
        *(*last.validation, *last.norms, *last.ratios),
    ]
    assert [
        *(found.training_loss, found.training_accuracy, found.validation_loss, found.validation_accuracy),
        *(*found.gradient_norms, *found.update_ratios),
    ] == pytest.approx(expected, rel=tolerance, abs=tolerance / 10)


@pytest.mark.parametrize(
    ("settings", "loop", "tolerance"),
    [
        ({"architectures": ["mlp_2"], "optimizer": "sgd", "learning_rate": 0.05, "epochs": 8}, numpy_loop, 1e-5),
        pytest.param({"architectures": ["mlp_1"], "epochs": 8}, eager_loop, 1e-4, marks=pytest.mark.long),
        pytest.param({"architectures": ["cnn_3"], "epochs": 7}, eager_loop, 1e-4, marks=pytest.mark.long),
    ],
    ids=["mlp_2 under SGD in NumPy", "mlp_1 under Adam, eager", "cnn_3 under Adam, eager"],
)
def test_records_are_what_a_plain_loop_over_the_same_batches_finds(
    few_digits: PreparedData, settings: dict[str, Any], loop: Callable[[RunSpec], Any], tolerance: float
) -> None:
    run = small_run(**settings, seed=3)
    plain = loop(run)
    steps = [plain.step(*batch, few_digits) for batch in batches(run, few_digits)]
    records = of(Record, train_here(run, few_digits))
    assert [record.step for record in records] == [10, 20]  # epochs of 3 steps, the third of 30 images
    for number, record in enumerate(records):
        assert_agrees(record, steps[10 * number : 10 * number + 10], tolerance)


def test_under_sgd_the_gradient_can_be_recovered_from_two_successive_weights(digits: PreparedData) -> None:
    """One batch an epoch, so that the weights are seen after every step."""
    rate = 0.1
    run = small_run(architectures=["cnn_3"], optimizer="sgd", learning_rate=rate, epochs=4, record_every=1)
    events = train_here(run, few(digits, train=50))
    for number, layer in enumerate(of(RunStarted, events)[0].layers):
        kernels = [weights.values for weights in of(Weights, events) if weights.layer == layer]
        recovered = [float(np.linalg.norm((before - after) / rate)) for before, after in pairwise(kernels)]
        assert [record.gradient_norms[number] for record in of(Record, events)] == pytest.approx(recovered, rel=1e-4)


@pytest.mark.parametrize("images", [2, 37, 50])
def test_shares_of_a_batch_add_up_to_the_whole_of_it(digits: PreparedData, images: int) -> None:
    """The last batch has fewer images than shards, a number not divisible by theirs, or is full."""
    data = few(digits, train=images)
    run = small_run(architectures=["cnn_3"], optimizer="sgd", learning_rate=0.1)
    whole, shared = build_model(run, data), build_model(run, data, threads=4)
    for model in (whole, shared):
        model.optimizer.build(model.network.trainable_variables)
    found, expected = (model.train_step(tf.constant(0)) for model in (shared, whole))
    assert [float(each) for each in found[:2]] == pytest.approx([float(each) for each in expected[:2]], rel=1e-5)
    for ours, theirs in zip(found[2], expected[2], strict=True):
        assert_close(ours, theirs, rel=1e-4, abs=1e-6)
    for ours, theirs in zip(shared.network.get_weights(), whole.network.get_weights(), strict=True):
        assert_close(ours, theirs, rel=1e-4, abs=1e-6)


def test_a_step_with_folded_convolutions_is_that_of_the_network(
    digits: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded: list[tuple[int, ...]] = []
    monkeypatch.setattr(forward, "fold", lambda kernel: (folded.append(tuple(kernel.shape)), forward_fold(kernel))[1])
    run, data = small_run(architectures=["cnn_3"], optimizer="sgd", learning_rate=0.1), few(digits, train=50)
    models = [build_model(run, data, library=library) for library in (ONEDNN, EIGEN)]
    for model in models:
        model.optimizer.build(model.network.trainable_variables)
    expected, found = (model.train_step(tf.constant(0)) for model in models)
    assert folded == [(3, 3, 1, 16), (5, 5, 16, 8)], "the third one has 13 columns"
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=1e-5)
    for ours, theirs in zip(found[2], expected[2], strict=True):
        assert_close(ours, theirs, rel=1e-4, abs=1e-6)
    for ours, theirs in zip(*(model.network.get_weights() for model in models), strict=True):
        assert_close(ours, theirs, rel=1e-4, abs=1e-6)


def test_a_dense_network_is_the_same_to_the_bit_with_any_number_of_threads(few_digits: PreparedData) -> None:
    run = small_run(architectures=["mlp_2"])
    one, many = (build_model(run, few_digits, threads=threads) for threads in (1, 4))
    for model in (one, many):
        model.warm_up()
        model.begin_epoch(0, np.arange(len(few_digits.y_train), dtype=np.int32))
        train_segment = model.make_train_function()
        for _step in range(3):
            train_segment(None)
        assert model.optimizer.iterations.numpy() == 3
    assert all(
        np.array_equal(*each) for each in zip(one.network.get_weights(), many.network.get_weights(), strict=True)
    )


def test_warming_up_changes_nothing_that_is_trained(few_digits: PreparedData) -> None:
    model = build_model(small_run(), few_digits)
    before = model.network.get_weights()
    model.warm_up()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.network.get_weights(), strict=True))
    assert int(model.optimizer.iterations.numpy()) == 0


def test_measuring_in_chunks_gives_the_means_over_all_images(digits: PreparedData) -> None:
    """1,293 images are no multiple of the chunk."""
    model = build_model(small_run(), digits)
    found = evaluated(model, digits.x_train, digits.y_train)
    expected = cross_entropy(model.network(digits.x_train).numpy().astype(np.float64), digits.y_train)
    assert (found.loss, found.accuracy) == pytest.approx(expected[:2], rel=1e-5)


COUNTED = "small[Conv-3x3x6, ReLU, MaxPool-4x4, FC-24, ReLU, FC-16, Sigmoid]"


def counting(data: PreparedData, architecture: str = COUNTED) -> MeasuredModel:
    return build_model(small_run(architectures=[architecture]), data)


def evaluated(
    model: MeasuredModel, images: np.ndarray, labels: np.ndarray, activations_on_all: bool = False
) -> Evaluation:
    evaluator = Evaluator(model.network, images.shape[1:], activations_on_all, folding_for(""))
    return evaluator(tf.constant(images), tf.constant(labels))


def activations(model: MeasuredModel, images: np.ndarray) -> list[np.ndarray]:
    """Outputs of each activation for all images, float32 [images, ..., units]."""
    layers = [layer for layer in model.network.layers if isinstance(layer, keras.layers.Activation)]
    return [keras.Model(model.network.inputs[0], layer.output)(images).numpy() for layer in layers]


def measured_dead(model: MeasuredModel, images: np.ndarray) -> tuple[int, ...]:
    return evaluated(model, images, np.zeros(len(images), np.int32), activations_on_all=True).dead_units


def test_dead_units_are_those_that_numpy_finds_to_give_nothing_but_zero(digits: PreparedData) -> None:
    """1,293 images take three chunks of the compiled count."""
    model = counting(digits)
    generator = np.random.default_rng(0)
    for layer in (model.network.get_layer("conv_1"), model.network.get_layer("dense_1")):
        layer.bias.assign(generator.normal(-1.5, 1.5, layer.bias.shape))
    outputs = activations(model, digits.x_train)
    expected = tuple(int((output == 0).reshape(-1, output.shape[-1]).all(axis=0).sum()) for output in outputs)
    assert measured_dead(model, digits.x_train) == expected
    assert 0 < expected[1] < 24, "some are dead and some are not"
    assert expected[2] == 0, "a sigmoid is never 0"


def test_a_single_image_keeps_a_unit_alive(digits: PreparedData) -> None:
    """Each unit's bias lets through the one image that excites it most, in whichever chunk it comes."""
    model = counting(digits, "mlp_1")
    layer = model.network.get_layer("dense_1")
    images = digits.x_train
    excited = images.reshape(len(images), -1) @ layer.kernel.numpy()
    second, first = np.sort(excited, axis=0)[-2:]
    layer.bias.assign(-(first + second) / 2)
    assert measured_dead(model, images) == (0,)
    most = np.argmax(excited, axis=0)
    assert len(set(most // ACTIVATION_IMAGES)) > 1, "they lie in several chunks"
    without = np.delete(images, most[0], axis=0)
    assert measured_dead(model, without) == (int((most == most[0]).sum()),)


def test_a_network_of_very_negative_biases_is_dead_throughout(digits: PreparedData) -> None:
    model = counting(digits, "cnn_5")
    for layer in model.network.layers:
        if hasattr(layer, "kernel"):
            layer.bias.assign(np.full(layer.bias.shape, -1e6))
    assert measured_dead(model, digits.x_validation) == (8, 16, 8, 16, 16, 8)


@pytest.mark.long
def test_counting_dead_units_changes_no_other_number(few_digits: PreparedData) -> None:
    run = small_run(architectures=["cnn_3"], epochs=4)
    plain, counted = (of(Record, train_here(each, few_digits)) for each in (run, run.replace(counts_dead_units=True)))
    assert {len(record.dead_units) for record in counted} == {2}
    assert timeless(plain) == timeless(counted), "of fewer than 500 images all are looked at anyway"


def test_testing_gives_the_loss_and_the_logits(few_digits: PreparedData) -> None:
    model = build_model(small_run(), few_digits)
    logits = model.network(few_digits.x_test).numpy()
    loss, found = model.test(few_digits.x_test, few_digits.y_test)
    assert found == pytest.approx(logits, rel=1e-5, abs=1e-6)
    log_sum = np.log(np.exp(logits.astype(np.float64)).sum(axis=1))
    chosen = logits[np.arange(len(logits)), few_digits.y_test]
    assert loss == pytest.approx((log_sum - chosen).mean(), rel=1e-5)


def test_nothing_is_traced_while_it_trains(few_digits: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing during training would count as training time."""
    traced: list[str] = []
    step, forward = MeasuredModel.train_step, Forward.__call__

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: (traced.append(name), tf.autograph.experimental.do_not_convert(function)(*given))[1]

    monkeypatch.setattr(MeasuredModel, "train_step", noted("step", step))
    monkeypatch.setattr(Forward, "__call__", noted("forward", forward))
    model = build_model(small_run(epochs=4), few_digits)
    model.warm_up()
    before = list(traced)
    assert {"step", "forward"} <= set(before)
    fit(model, [ShuffleOrder(0, len(few_digits.y_train))])
    assert traced == before
