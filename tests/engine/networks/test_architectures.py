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
from engine.networks.architectures import (
    ARCHITECTURES,
    COURSE_ARCHITECTURES,
    INPUT,
    build_network,
    count_parameters,
    summarize,
    weight_layers,
)
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
    assert list(COURSE_ARCHITECTURES) == list(COURSE_TABLE)
    assert list(ARCHITECTURES)[:5] == list(COURSE_TABLE)


@pytest.mark.parametrize(
    ("architecture", "channels", "parameters"),
    # LeNet-5's is the usual count; ResNet-20's is He et al.'s 0.27 million, with the shortcuts of option B.
    [("lenet_5", 1, 61_706), ("vgg_small", 3, 551_146), ("resnet_20", 3, 272_474)],
)
def test_well_known_networks_have_their_parameters(architecture: str, channels: int, parameters: int) -> None:
    assert count_parameters(architecture, (32, 32, channels), 10) == parameters
    network = build(architecture, shape=(32, 32, channels))
    assert sum(math.prod(variable.shape) for variable in network.trainable_variables) == parameters


@pytest.mark.parametrize(("architecture", "parameters"), COURSE_TABLE.items())
def test_parameters_are_those_of_the_course_table_by_formula_and_by_keras(architecture: str, parameters: int) -> None:
    assert count_parameters(architecture, (32, 32, 1), 10) == parameters
    assert build(architecture).count_params() == parameters


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(COURSE_ARCHITECTURES),
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
    if architecture in COURSE_ARCHITECTURES:
        assert [layer.name for layer in layers] == [summary.name for summary in summaries]
    by_name = {layer.name: layer for layer in layers}
    for summary in summaries:
        layer = by_name[summary.name]
        learned = sum(math.prod(variable.shape) for variable in layer.trainable_variables)
        assert (layer.output.shape[1:], learned) == (summary.output_shape, summary.parameters)


@pytest.mark.parametrize(
    ("architecture", "layers"),
    [
        ("mlp_2", ("dense_1", "dense_2", "prediction")),
        ("cnn_4", ("conv_1", "conv_2", "conv_3", "conv_4", "prediction")),
        ("a[BatchNorm, Skip[DepthwiseConv-3x3(same) | Conv-1x1x1]]", ("depthwiseconv_1", "conv_1", "prediction")),
    ],
)
def test_layers_with_weights_are_named_first_to_last(architecture: str, layers: tuple[str, ...]) -> None:
    assert weight_layers(summarize(architecture, (32, 32, 1), 10)) == layers


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


@pytest.mark.parametrize("architecture", COURSE_ARCHITECTURES)
def test_the_course_rule_keeps_kernels_and_biases_within_one_over_the_root_of_fan_in(architecture: str) -> None:
    network = build(architecture)
    for name in ("kernel", "bias"):
        assert np.abs(in_units_of_the_course_limit(network, name)).max() <= 1 + 1e-6


@pytest.mark.parametrize("architecture", COURSE_ARCHITECTURES)
def test_the_course_rule_spreads_kernels_evenly_over_their_range(architecture: str) -> None:
    for fan_in, values in variables(build(architecture), "kernel"):
        scaled = values.ravel() * math.sqrt(fan_in)
        assert scaled.max() > 0.9
        assert scaled.min() < -0.9
        assert np.quantile(scaled, [0.25, 0.5, 0.75]) == pytest.approx([-0.5, 0, 0.5], abs=0.2)


def test_the_course_rule_spreads_biases_evenly_over_their_range() -> None:
    networks = [build(architecture, seed=seed) for seed, architecture in enumerate(COURSE_ARCHITECTURES)]
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


def test_residual_blocks_are_summarised_with_what_they_add() -> None:
    found = summarize("a[Conv-3x3x4, Skip[Conv-3x3x8(same, stride 2), Act | Conv-1x1x8(stride 2)], Act]", (8, 8, 1), 2)
    assert [(each.name, each.inputs, each.output_shape) for each in found] == [
        ("conv_1", (INPUT,), (6, 6, 4)),
        ("conv_2", ("conv_1",), (3, 3, 8)),
        ("act_1", ("conv_2",), (3, 3, 8)),
        ("conv_3", ("conv_1",), (3, 3, 8)),
        ("skip_1", ("act_1", "conv_3"), (3, 3, 8)),
        ("act_2", ("skip_1",), (3, 3, 8)),
        ("prediction", ("act_2",), (2,)),
    ]


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (
            "Skip[Conv-3x3x4(same, stride 2)]",
            "at skip_1, the layers give 16x16x4 and the shortcut 32x32x1, which can't be added; write a shortcut after "
            "a bar, such as Skip[… | Conv-1x1x4(stride 2, no bias)].",
        ),
        (
            "FC-3, Skip[FC-4]",
            "at skip_1, the layers give 4 and the shortcut 3, which can't be added; give both the same size and number "
            "of channels.",
        ),
        (
            "Skip[FC-8 | Conv-3x3x4]",
            "at skip_1, the layers give 8 and the shortcut 30x30x4, which can't be added; give both the same size and "
            "number of channels.",
        ),
    ],
)
def test_outputs_that_cannot_be_added_are_refused_with_what_to_write(layers: str, reason: str) -> None:
    with pytest.raises(NetworkError) as error:
        summarize(f"net[{layers}]", (32, 32, 1), 10)
    assert str(error.value) == f"net can't be built on 32x32 images: {reason}"


def test_initial_values_of_a_residual_network_are_fixed_by_the_seed_alone() -> None:
    text = "net[Skip[DepthwiseConv-3x3(same), Conv-1x1x4 | Conv-1x1x4], BatchNorm, LayerNorm, Dropout-0.5, Act]"
    first, again, other = (build(text, seed=seed, shape=(6, 6, 2), classes=3).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_penalty_is_that_of_keras() -> None:
    network = build("net[DepthwiseConv-3x3(L2 0.5), Conv-1x1x2(L2 0.25), FC-4(L2 0.125)]", shape=(4, 4, 1), classes=2)
    kernels = [layer.kernel.numpy() for layer in network.layers if hasattr(layer, "kernel")]
    expected = sum(l2 * np.sum(kernel**2) for l2, kernel in zip((0.5, 0.25, 0.125), kernels, strict=False))
    assert sum(float(loss) for loss in network.losses) == pytest.approx(expected, rel=1e-5)


def test_the_course_rule_bounds_depthwise_kernels_by_their_own_fan_in() -> None:
    layer = build("net[DepthwiseConv-5x3]", shape=(8, 8, 64)).layers[0]
    scaled = np.abs(layer.kernel.numpy()) * math.sqrt(15)
    assert 0.98 < scaled.max() <= 1 + 1e-6
