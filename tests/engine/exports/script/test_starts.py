"""engine.exports.script: the script of a continued training starts from the weights that the run started from."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from engine.config.export_formats import Format
from engine.datasets import PreparedData
from engine.exports import export_experiment
from engine.storage.store import Store
from tests.engine.exports.script.test_scripts import check_style
from tests.engine.networks.keras_networks import residual_block, saved, with_other_statistics
from tests.engine.stored_results import ended

SHAPE = (32, 32, 1)


def network(block: Callable[[Any], Any]) -> keras.Model:
    image = keras.Input(SHAPE)
    x = layers.Conv2D(8, 3, strides=2, padding="same")(image)
    x = layers.GlobalAveragePooling2D()(block(x))
    return with_other_statistics(keras.Model(image, layers.Dense(10)(x)))


def equal_branches(x: Any) -> Any:
    """Two kernels of one shape, that of the shortcut first."""
    shortcut = layers.Conv2D(8, 3, padding="same")(x)
    return layers.Add()([shortcut, layers.Conv2D(8, 3, padding="same")(layers.ReLU()(x))])


def strided_block(x: Any) -> Any:
    """The shortcut first, and in a script with a pooling before its convolution."""
    return residual_block(x, 6, stride=2)


class BegunError(Exception):
    """Instead of the training."""


@pytest.mark.parametrize("block", [equal_branches, strided_block])
def test_branches_in_another_order_get_their_own_weights(
    store: Store, tmp_path: Path, digits: PreparedData, monkeypatch: pytest.MonkeyPatch, block: Callable[[Any], Any]
) -> None:
    file = saved(lambda: network(block), tmp_path)
    number = ended(store, "train-on", lambda _: 0.5, info=digits.info, model=str(file), repeats=1)
    exported = export_experiment(store, number, tmp_path, [Format.KERAS_SCRIPT])
    assert not exported.problems
    (script,) = (each for each in exported.files if each.suffix == ".py")
    check_style(script)
    begun: list[keras.Model] = []

    def compile_network(self: keras.Model, **_: Any) -> None:
        begun.append(self)
        raise BegunError

    monkeypatch.setattr(keras.Model, "compile", compile_network)
    with pytest.raises(BegunError):
        runpy.run_path(str(script), run_name="__main__")
    images = np.random.default_rng(0).normal(size=(4, *SHAPE)).astype(np.float32)
    expected = keras.saving.load_model(file, compile=False)(images, training=False)
    np.testing.assert_allclose(begun[0](images, training=False), expected, rtol=1e-5, atol=1e-6)


def test_a_start_that_is_gone_is_named(store: Store, tmp_path: Path, digits: PreparedData) -> None:
    file = saved(lambda: network(equal_branches), tmp_path)
    number = ended(store, "train-on", lambda _: 0.5, info=digits.info, model=str(file), repeats=1)
    file.unlink()
    exported = export_experiment(store, number, tmp_path, [Format.KERAS_SCRIPT])
    assert not [each for each in exported.files if each.suffix == ".py" or each.name.startswith("start_")]
    (problem,) = exported.problems
    assert f"The network {file} that it starts from is missing" in problem
