"""engine.networks.architectures: the built-in architectures, parameter counts, initial values."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.specs import NetworkSpec
from engine.networks.architectures import ARCHITECTURES, build_network, count_parameters, parameter_layers, summarize
from engine.utils.errors import NetworkError

# course.md, on 32x32x1 images of 10 classes.
COURSE_TABLE = {"mlp_1": 33_130, "mlp_2": 35_498, "cnn_3": 11_106, "cnn_4": 13_522, "cnn_5": 8_346}
COURSE, KERAS = NetworkSpec(initializer="course"), NetworkSpec(initializer="keras")


def build(architecture: str, spec: NetworkSpec = COURSE, seed: int = 0, **changes: Any) -> keras.Sequential:
    return build_network(architecture, changes.get("shape", (32, 32, 1)), changes.get("classes", 10), spec, seed)


def variables(network: keras.Sequential, name: str) -> list[tuple[int, np.ndarray]]:
    """Every variable called ``name`` (kernel or bias) with the fan-in of its layer."""
    layers = [layer for layer in network.layers if hasattr(layer, "kernel")]
    found = [(math.prod(layer.kernel.shape[:-1]), getattr(layer, name)) for layer in layers]
    return [(fan_in, variable.numpy()) for fan_in, variable in found if variable is not None]


def in_units_of_the_course_limit(network: keras.Sequential, name: str) -> np.ndarray:
    """All values of ``name`` times sqrt(fan_in): from -1 to 1 under the course's rule."""
    return np.concatenate([values.ravel() * math.sqrt(fan_in) for fan_in, values in variables(network, name)])


def test_the_five_architectures_of_the_course_are_there() -> None:
    assert list(ARCHITECTURES) == list(COURSE_TABLE)


@pytest.mark.parametrize(("architecture", "parameters"), COURSE_TABLE.items())
def test_parameters_are_those_of_the_course_table_by_formula_and_by_keras(architecture: str, parameters: int) -> None:
    assert count_parameters(architecture, (32, 32, 1), 10) == parameters
    assert build(architecture).count_params() == parameters


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(sorted(ARCHITECTURES)),
    st.tuples(st.integers(28, 48), st.integers(28, 48), st.sampled_from([1, 3])),
    st.integers(2, 100),
)
def test_the_formula_agrees_with_keras_on_any_images(architecture: str, shape: tuple[int, ...], classes: int) -> None:
    network = build(architecture, shape=shape, classes=classes)
    assert count_parameters(architecture, shape, classes) == network.count_params()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_summary_agrees_with_keras_layer_by_layer(architecture: str) -> None:
    layers = [layer for layer in build(architecture).layers if not isinstance(layer, keras.layers.Flatten)]
    summaries = summarize(architecture, (32, 32, 1), 10)
    assert [layer.name for layer in layers] == [summary.name for summary in summaries]
    assert [layer.output.shape[1:] for layer in layers] == [summary.output_shape for summary in summaries]
    assert [layer.count_params() for layer in layers] == [summary.parameters for summary in summaries]


@pytest.mark.parametrize(
    ("architecture", "layers"),
    [
        ("mlp_2", ("dense_1", "dense_2", "prediction")),
        ("cnn_4", ("conv_1", "conv_2", "conv_3", "conv_4", "prediction")),
    ],
)
def test_layers_with_parameters_are_named_first_to_last(architecture: str, layers: tuple[str, ...]) -> None:
    assert parameter_layers(summarize(architecture, (32, 32, 1), 10)) == layers


def test_a_network_gives_logits_without_softmax() -> None:
    network = build("cnn_3", classes=7)
    logits = network(np.random.default_rng(0).normal(size=(3, 32, 32, 1)).astype(np.float32)).numpy()
    assert logits.shape == (3, 7)
    assert not np.allclose(logits.sum(axis=1), 1)


def test_the_activation_is_the_one_asked_for() -> None:
    assert build("mlp_1", NetworkSpec(activation="tanh")).get_layer("act_1").activation is keras.activations.tanh


@pytest.mark.parametrize(
    ("architecture", "side", "layer", "reason"),
    [
        ("cnn_3", 18, "conv_3", "7x7 kernel does not fit on a 6x6 image"),
        ("cnn_3", 20, "maxpool_2", "2x2 pooling does not fit on a 1x1 image"),
        ("cnn_4", 4, "conv_2", "3x3 kernel does not fit on a 2x2 image"),
    ],
)
def test_images_too_small_for_a_kernel_are_refused_by_the_name_of_the_layer(
    architecture: str, side: int, layer: str, reason: str
) -> None:
    with pytest.raises(NetworkError) as error:
        count_parameters(architecture, (side, side, 1), 10)
    message = str(error.value)
    assert message.startswith(f"{architecture} can't be built on {side}x{side} images: at {layer}, ")
    assert reason in message
    assert message.endswith(".")


def test_an_unknown_architecture_is_refused_with_those_there_are() -> None:
    with pytest.raises(NetworkError, match="'mlp_9'; there are mlp_1, mlp_2, cnn_3, cnn_4, cnn_5"):
        count_parameters("mlp_9", (32, 32, 1), 10)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_course_rule_keeps_kernels_and_biases_within_one_over_the_root_of_fan_in(architecture: str) -> None:
    network = build(architecture)
    for name in ("kernel", "bias"):
        assert np.abs(in_units_of_the_course_limit(network, name)).max() <= 1 + 1e-6


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_course_rule_spreads_kernels_evenly_over_their_range(architecture: str) -> None:
    for fan_in, values in variables(build(architecture), "kernel"):
        scaled = values.ravel() * math.sqrt(fan_in)
        assert scaled.max() > 0.9
        assert scaled.min() < -0.9
        assert np.quantile(scaled, [0.25, 0.5, 0.75]) == pytest.approx([-0.5, 0, 0.5], abs=0.2)


def test_the_course_rule_spreads_biases_evenly_over_their_range() -> None:
    networks = [build(architecture, seed=seed) for seed, architecture in enumerate(ARCHITECTURES)]
    scaled = np.concatenate([in_units_of_the_course_limit(network, "bias") for network in networks])
    assert scaled.max() > 0.9
    assert scaled.min() < -0.9
    assert np.quantile(scaled, [0.25, 0.5, 0.75]) == pytest.approx([-0.5, 0, 0.5], abs=0.15)


def test_no_two_variables_share_their_values() -> None:
    network = build("cnn_5")
    beginnings = [
        values.ravel()[:8] * math.sqrt(n) for kind in ("kernel", "bias") for n, values in variables(network, kind)
    ]
    assert len({tuple(np.round(values, 5)) for values in beginnings}) == len(beginnings)


def test_keras_own_rule_is_glorot_with_biases_of_zero() -> None:
    network = build("mlp_1", KERAS)
    assert not any(values.any() for _, values in variables(network, "bias"))
    for _, kernel in variables(network, "kernel"):
        limit = math.sqrt(6 / sum(kernel.shape))
        assert 0.9 * limit < np.abs(kernel).max() <= limit


@pytest.mark.parametrize("spec", [COURSE, KERAS], ids=["course", "keras"])
def test_the_seed_alone_fixes_the_initial_values(spec: NetworkSpec) -> None:
    keras.utils.set_random_seed(1)
    first = build("cnn_3", spec, seed=5).get_weights()
    keras.utils.set_random_seed(2)
    keras.backend.clear_session()
    second = build("cnn_3", spec, seed=5).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_another_seed_gives_other_initial_values() -> None:
    first, second = build("cnn_3", seed=5).get_weights(), build("cnn_3", seed=6).get_weights()
    assert not any(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
