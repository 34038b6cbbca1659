"""engine.training.optimizers: every setting computes what plain Keras computes from it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from engine.config.specs import RunSpec, TrainingSpec
from engine.datasets import PreparedData
from engine.networks.architectures import build_network
from engine.training.callbacks.shuffle import ShuffleOrder
from engine.training.objective import balanced_weights
from engine.training.optimizers import make_optimizer
from engine.training.trainer import build_model, fit
from tests.engine.support import small_run
from tests.engine.training.test_model import batches

STEPS = 50
OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
}
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
    "weight decay of adamw": ({"optimizer": "adamw"}, {"weight_decay": 0.004}),
    "no weight decay of adamw": ({"optimizer": "adamw", "weight_decay": 0}, {"weight_decay": 0.0}),
    "clipping": ({"optimizer": "sgd", "clip_norm": 0.5}, {"global_clipnorm": 0.5}),
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
CHEAP = ("nesterov", "all of adam")


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
    optimizer = OPTIMIZERS[run.training.optimizer](learning_rate=run.training.learning_rate, **arguments)
    smoothing = run.training.label_smoothing
    network.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing))
    balanced = run.training.class_weights == "balanced"
    weights = dict(enumerate(len(data.y_train) / (10 * np.bincount(data.y_train)))) if balanced else None
    for images, labels in batches(run, data)[:STEPS]:
        network.train_on_batch(images, np.eye(10, dtype=np.float32)[labels], class_weight=weights)
    optimizer.finalize_variable_values(network.trainable_variables)
    trained: list[np.ndarray] = network.get_weights()
    return trained


@pytest.mark.parametrize(
    "name", [name if name in CHEAP else pytest.param(name, marks=pytest.mark.long) for name in SETTINGS]
)
def test_after_fifty_steps_the_weights_are_those_that_keras_trains(name: str, few_digits: PreparedData) -> None:
    settings, arguments = SETTINGS[name]
    run = run_with(settings)
    ours, theirs = trained_here(run, few_digits), trained_by_keras(run, few_digits, arguments)
    worst = max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))
    print(name, worst)
    assert worst < 1e-6
