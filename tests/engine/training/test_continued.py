"""engine.training.trainer: what continues a network of Keras begins with the loss and accuracy that it has there."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from engine.datasets import PreparedData
from engine.networks.comparison import AS_TRAINED
from engine.networks.continuation import open_start
from engine.training.trainer import build_model
from tests.engine.networks.keras_networks import residual_block, separable, with_other_statistics
from tests.engine.support import small_run


def smaller(image: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Conv2D(6, 5, strides=4, padding="same", activation="relu")(image)


def residual(image: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(residual_block(smaller(image), 8, stride=2)))


def mobile(image: keras.KerasTensor) -> keras.KerasTensor:
    pooled = layers.AveragePooling2D(2)(separable(smaller(image), 1))
    return layers.LayerNormalization()(layers.Dense(8, activation="tanh")(layers.Flatten()(pooled)))


@pytest.mark.parametrize(("build", "threads"), [(residual, 2), (mobile, 1)])
def test_the_first_validation_is_that_of_keras(
    tmp_path: Path, few_digits: PreparedData, build: object, threads: int
) -> None:
    keras.utils.set_random_seed(3)
    file, data = tmp_path / "net.keras", few_digits
    image = keras.Input(data.info.shape)
    logits = layers.Dense(10)(build(image))  # type: ignore[operator]
    network = with_other_statistics(keras.Model(image, logits))
    network.save(file)
    network.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    loss, accuracy = network.evaluate(data.x_validation, data.y_validation, verbose=0)[:2]
    penalties = float(sum(network.losses)) if network.losses else 0.0
    architecture = open_start(file).architecture_for(AS_TRAINED)
    run = small_run().replace(architecture=architecture, start_from=str(file))
    model = build_model(run, data, threads=threads)
    found, scores = model.test(data.x_validation, data.y_validation)
    assert found == pytest.approx(loss - penalties, rel=1e-6)
    assert np.mean(scores.argmax(axis=1) == data.y_validation) == pytest.approx(accuracy, abs=1e-6)
