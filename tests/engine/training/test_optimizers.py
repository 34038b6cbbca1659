"""engine.training.optimizers: every setting computes what plain Keras computes from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers.schedules import CosineDecay, CosineDecayRestarts

from engine.config.optimization import Optimizer
from engine.config.specs import RunSpec, TrainingSpec
from engine.datasets import PreparedData
from engine.events.runs import Record, RunFinished
from engine.networks.architectures import build_network
from engine.training.callbacks.shuffle import ShuffleOrder
from engine.training.objective import Objective, balanced_weights
from engine.training.optimizers import make_optimizer
from engine.training.trainer import build_model, fit
from tests.engine.support import few, of, small_run, train_here
from tests.engine.training.test_model import batches

STEPS = 50
OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}
DEFAULT_OF_ADAMW = "weight decay of adamw"
AVERAGE = {"use_ema": True, "ema_momentum": 0.9}

# Our settings, and the arguments of Keras' optimiser that mean the same.
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "momentum": ({"optimizer": "sgd", "momentum": 0.9}, {"momentum": 0.9}),
    "nesterov": ({"optimizer": "sgd", "momentum": 0.9, "nesterov": True}, {"momentum": 0.9, "nesterov": True}),
    "momentum of rmsprop": ({"optimizer": "rmsprop", "momentum": 0.5}, {"momentum": 0.5}),
    "epsilon of rmsprop": ({"optimizer": "rmsprop", "epsilon": 1e-3}, {"epsilon": 1e-3}),
    "betas": ({"beta_1": 0.8, "beta_2": 0.99}, {"beta_1": 0.8, "beta_2": 0.99}),
    "betas of adamw": ({"optimizer": "adamw", "beta_1": 0.8, "beta_2": 0.99}, {"beta_1": 0.8, "beta_2": 0.99}),
    "epsilon": ({"epsilon": 1e-3}, {"epsilon": 1e-3}),
    "weight decay": ({"weight_decay": 0.1}, {"weight_decay": 0.1}),
    "weight decay of sgd": ({"optimizer": "sgd", "weight_decay": 0.1}, {"weight_decay": 0.1}),
    DEFAULT_OF_ADAMW: ({"optimizer": "adamw"}, {"weight_decay": 0.004}),
    "no weight decay of adamw": ({"optimizer": "adamw", "weight_decay": 0}, {"weight_decay": 0.0}),
    "clipping": ({"optimizer": "sgd", "clip_norm": 0.5}, {"global_clipnorm": 0.5}),
    # Epochs of three steps: a warm-up of six, and a schedule over the other 44.
    "warm-up, cosine": (
        {"optimizer": "sgd", "rate_over_time": "cosine", "warm_up": 2},
        {"learning_rate": CosineDecay(0.0, STEPS - 6, warmup_target=0.05, warmup_steps=6)},
    ),
    "cosine, restarts": (
        {"rate_over_time": "cosine-restarts", "restart_period": 4},
        {"learning_rate": CosineDecayRestarts(0.0005, 12)},
    ),
    "label smoothing": ({"optimizer": "sgd", "label_smoothing": 0.2}, {}),
    "class weights": ({"optimizer": "sgd", "class_weights": "balanced"}, {}),
    "weight average": ({"optimizer": "sgd", "ema_momentum": 0.9}, AVERAGE),
    "all of sgd": (
        {
            **{"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "clip_norm": 0.5},
            **{"label_smoothing": 0.1, "class_weights": "balanced", "ema_momentum": 0.9},
        },
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "global_clipnorm": 0.5, **AVERAGE},
    ),
    "all of adam": (
        {
            **{"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-8, "weight_decay": 0.01, "clip_norm": 0.5},
            **{"label_smoothing": 0.1, "class_weights": "balanced", "ema_momentum": 0.9},
        },
        {
            **{"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-8, "weight_decay": 0.01, "global_clipnorm": 0.5},
            **AVERAGE,
        },
    ),
}


def run_with(settings: dict[str, Any], architecture: str = "mlp_2") -> RunSpec:
    rate = 0.05 if settings.get("optimizer") == "sgd" else 0.0005
    run = small_run(**({"architectures": [architecture], "learning_rate": rate, "epochs": 17, "seed": 3} | settings))
    return run.replace(max_steps=STEPS)


def trained_here(run: RunSpec, data: PreparedData) -> list[np.ndarray]:
    model = build_model(run, data)
    model.warm_up()
    fit(model, [ShuffleOrder(run.seed, len(data.y_train))])
    assert int(model.optimizer.iterations.numpy()) == STEPS
    weights: list[np.ndarray] = model.network.get_weights()
    return weights


def trained_by_keras(run: RunSpec, data: PreparedData, arguments: dict[str, Any]) -> list[np.ndarray]:
    network = build_network(run.architecture, data.info.shape, 10, run.network, run.seed)
    optimizer = OPTIMIZERS[run.training.optimizer](**{"learning_rate": run.training.learning_rate} | arguments)
    smoothing = run.training.label_smoothing
    network.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing))
    balanced = run.training.class_weights == "balanced"
    weights = dict(enumerate(len(data.y_train) / (10 * np.bincount(data.y_train)))) if balanced else None
    for images, labels in batches(run, data)[:STEPS]:
        network.train_on_batch(images, np.eye(10, dtype=np.float32)[labels], class_weight=weights)
    optimizer.finalize_variable_values(network.trainable_variables)
    trained: list[np.ndarray] = network.get_weights()
    return trained


@pytest.mark.long
@pytest.mark.parametrize("name", SETTINGS)
def test_after_fifty_steps_the_weights_are_those_that_keras_trains(
    name: str, few_digits: PreparedData, by_defaults: Callable[[str], list[np.ndarray]]
) -> None:
    settings, arguments = SETTINGS[name]
    run = run_with(settings)
    ours, theirs = trained_here(run, few_digits), trained_by_keras(run, few_digits, arguments)
    fused = run.training.optimizer == "adam"  # whose rounding differs, as that of a compiled cosine does
    rounded = 1e-6 if fused else 1e-7 if run.training.rate_over_time != "constant" else 0
    assert largest_difference(ours, theirs) <= rounded
    if name != DEFAULT_OF_ADAMW:
        assert largest_difference(theirs, by_defaults(run.training.optimizer)) > 1e-5, "the setting has an effect"


@pytest.fixture(scope="module")
def by_defaults(few_digits: PreparedData) -> Callable[[str], list[np.ndarray]]:
    """The weights that Keras trains with an optimiser's defaults; trained once."""

    @cache
    def trained(optimizer: str) -> list[np.ndarray]:
        return trained_by_keras(run_with({"optimizer": optimizer}), few_digits, {})

    return trained


def largest_difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def test_the_records_are_of_the_plain_loss_the_unclipped_gradient_and_the_averaged_weights(
    few_digits: PreparedData,
) -> None:
    """Against a plain loop over the same batches, with every setting on."""
    settings, arguments = SETTINGS["all of sgd"]
    run = small_run(**settings, architectures=["mlp_2"], learning_rate=0.05, epochs=4, record_every=6)
    events = train_here(run, few_digits)
    loop = PlainLoop(run, few_digits, arguments)
    losses = [loop.step(images, labels) for images, labels in batches(run, few_digits)]
    record, end = of(Record, events)[-1], of(RunFinished, events)[0]
    assert record.step == len(losses) == 12
    assert record.training_loss == pytest.approx(np.mean(losses[-6:]), rel=1e-5)
    assert record.gradient_norms == pytest.approx(loop.norms, rel=1e-5)
    assert math.hypot(*loop.norms) > 2 * arguments["global_clipnorm"], "clipping matters"
    assert record.update_ratios == pytest.approx(loop.ratios, rel=1e-4)
    loop.optimizer.finalize_variable_values(loop.variables)
    assert record.validation_loss == pytest.approx(
        loop.loss(few_digits.x_validation, few_digits.y_validation), rel=1e-5
    )
    assert end.test_loss == pytest.approx(loop.loss(few_digits.x_test, few_digits.y_test), rel=1e-5)


class PlainLoop:
    """A network trained eagerly by Keras' SGD."""

    def __init__(self, run: RunSpec, data: PreparedData, arguments: dict[str, Any]) -> None:
        self.network = build_network(run.architecture, data.info.shape, 10, run.network, run.seed)
        self.optimizer = keras.optimizers.SGD(run.training.learning_rate, **arguments)
        self.variables = self.network.trainable_variables
        self._weights = len(data.y_train) / (10 * np.bincount(data.y_train))
        smoothing = run.training.label_smoothing
        self._objective = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
        self.norms: list[float] = []
        self.ratios: list[float] = []

    def loss(self, images: np.ndarray, labels: np.ndarray) -> float:
        logits = self.network(images)
        return float(tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)))

    def step(self, images: np.ndarray, labels: np.ndarray) -> float:
        """Make a step; return the loss before it."""
        loss = self.loss(images, labels)
        kernels = [number for number, each in enumerate(self.variables) if each.name == "kernel"]
        before = [self.variables[number].numpy() for number in kernels]
        with tf.GradientTape() as tape:
            logits = self.network(images)
            objective = self._objective(np.eye(10)[labels], logits, sample_weight=self._weights[labels])
        gradients = tape.gradient(objective, self.variables)
        self.optimizer.apply(gradients, self.variables)
        self.norms = [float(tf.norm(gradients[number])) for number in kernels]
        self.ratios = [
            float(np.linalg.norm(self.variables[number].numpy() - old) / np.linalg.norm(old))
            for number, old in zip(kernels, before, strict=True)
        ]
        return loss


@pytest.mark.long
@pytest.mark.parametrize("images", [2, 37])
def test_shares_of_a_batch_add_up_with_every_setting_on(digits: PreparedData, images: int) -> None:
    data, run = few(digits, train=images), run_with(SETTINGS["all of sgd"][0], "cnn_3")
    whole, shared = build_model(run, data), build_model(run, data, threads=4)
    for model in (whole, shared):
        model.optimizer.build(model.network.trainable_variables)
    found, expected = (model.train_step(tf.constant(0)) for model in (shared, whole))
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=1e-5)
    assert largest_difference(shared.network.get_weights(), whole.network.get_weights()) < 1e-6


def test_the_objective_of_mixed_images_is_that_of_mixed_and_smoothed_labels() -> None:
    generator = np.random.default_rng(0)
    logits = tf.constant(generator.normal(size=(6, 4)).astype(np.float32))
    first, second = (generator.integers(0, 4, 6).astype(np.int32) for _ in range(2))
    share = generator.uniform(size=6).astype(np.float32)
    objective = Objective(TrainingSpec(label_smoothing=0.2), first, 4)
    found = objective(first, logits, share) + objective(second, logits, 1 - share)
    mixed = share[:, None] * np.eye(4)[first] + (1 - share[:, None]) * np.eye(4)[second]
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2, reduction="sum")
    assert float(found) == pytest.approx(float(expected(mixed, logits)), rel=1e-6)


def test_balanced_weights_are_inverse_to_the_frequency_and_one_on_average() -> None:
    labels = np.array([0, 0, 0, 2, 2, 2, 2, 2, 2, 4, 4, 4], np.int32)
    weights = balanced_weights(labels, classes=5)
    assert weights[[0, 2, 4]] == pytest.approx([12 / 9, 12 / 18, 12 / 9])
    assert weights[labels].mean() == pytest.approx(1)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop", "adamw"])
def test_an_optimiser_has_the_learning_rate_asked_for_and_keras_defaults(name: Optimizer) -> None:
    optimizer = make_optimizer(TrainingSpec(optimizer=name), 0.02)
    assert isinstance(optimizer, OPTIMIZERS[name])
    ours, theirs = optimizer.get_config(), OPTIMIZERS[name](0.02).get_config()
    assert ours | {"name": "", "ema_momentum": 0} == theirs | {"name": "", "ema_momentum": 0}
