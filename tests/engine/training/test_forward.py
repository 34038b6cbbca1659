"""engine.training.forward: the same results as those of the Keras layers, whatever the memory layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.specs import NetworkSpec
from engine.devices.libraries import EIGEN, ONEDNN
from engine.networks.architectures import build_network
from tests.engine.support import assert_close

CLASSES = 10


@pytest.mark.parametrize("library", [EIGEN, ONEDNN])
@pytest.mark.parametrize(
    "architecture",
    [
        "mlp_2",
        "cnn_3",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("mlp_1", "cnn_4", "cnn_5")),
        "odd[Conv-3x5x7, Act, MaxPool-2x2, FC-9, Act]",
    ],
)
def test_logits_and_activations_are_those_of_the_network(architecture: str, library: str) -> None:
    import keras

    from engine.training.forward import Forward, folding_for

    made = build_network(architecture, (32, 32, 1), CLASSES, NetworkSpec(activation="tanh"), seed=1)
    images = np.random.default_rng(0).normal(size=(7, 32, 32, 1)).astype(np.float32)
    logits, activations = Forward(made, folding_for(library))(images)
    values, expected = images, []
    for layer in made.layers:
        values = layer(values)
        if isinstance(layer, keras.layers.Activation):
            expected.append(np.asarray(values))
    assert_close(logits, values, rel=1e-4, abs=1e-5)
    assert len(activations) == len(expected)
    for found, wanted in zip(activations, expected, strict=True):
        assert_close(found, wanted, rel=1e-4, abs=1e-5)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 2**31),
)
def test_a_folded_kernel_makes_both_pixels_of_a_pair(
    rows: int, columns: int, channels: int, filters: int, pairs: int, seed: int
) -> None:
    """Against the plain convolution, for any kernel, wherever all columns come in pairs."""
    import tensorflow as tf

    from engine.training.forward import fold

    generator = np.random.default_rng(seed)
    width = columns - 1 + 2 * pairs
    if width % 2:
        return  # an even kernel has no even input with an even output
    kernel = generator.normal(size=(rows, columns, channels, filters)).astype(np.float32)
    images = generator.normal(size=(2, rows + 1, width, channels)).astype(np.float32)
    expected = tf.nn.conv2d(images, kernel, 1, "VALID").numpy()
    folded = images.reshape(2, rows + 1, width // 2, 2 * channels)
    found = tf.nn.conv2d(folded, fold(tf.constant(kernel)), 1, "VALID").numpy()
    assert_close(found.reshape(expected.shape), expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("library", "avx512", "filters"),
    [(ONEDNN, True, 8), (ONEDNN, False, 0), (EIGEN, True, 16), (EIGEN, False, 16), ("", False, 8)],
)
def test_convolutions_are_folded_where_that_is_faster(
    library: str, avx512: bool, filters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU, whose library is empty, folds as it always did, so that its results stay the same."""
    from engine.training import forward

    monkeypatch.setattr(forward, "uses_avx512", lambda: avx512)
    folding = forward.folding_for(library)
    assert folding.most_filters == filters
    assert folding.in_training == (library == EIGEN)


@pytest.mark.long
def test_the_narrow_convolution_of_cnn_4_is_folded_and_the_same_but_for_rounding() -> None:
    import keras
    import tensorflow as tf

    from engine.training.forward import FOLDING_FOR_AVX512, Forward

    network = keras.Sequential([keras.Input((30, 30, 16)), keras.layers.Conv2D(8, 3)])
    generator = np.random.default_rng(0)
    network.set_weights([generator.normal(size=each.shape) for each in network.get_weights()])
    images = tf.constant(generator.normal(size=(50, 30, 30, 16)).astype(np.float32))
    forward = Forward(network, FOLDING_FOR_AVX512)
    graph = tf.function(forward).get_concrete_function(images).graph
    assert [node.outputs[0].shape[-1] for node in graph.get_operations() if node.type == "Conv2D"] == [16], "in pairs"
    # Sums of 144 products of about 1, in an order that depends on the processor.
    assert_close(forward(images)[0], network(images), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("settings", [{"padding": "same"}, {"strides": 2}, {"padding": "same", "use_bias": False}])
def test_only_convolutions_of_stride_1_without_padding_are_folded(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from engine.training import forward

    monkeypatch.setattr(forward, "fold", lambda _kernel: pytest.fail("it was folded"))
    network = keras.Sequential([keras.Input((8, 8, 12)), keras.layers.Conv2D(4, 3, **settings)])
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 12)).astype(np.float32)
    assert_close(forward.Forward(network, forward.FOLDING_FOR_EIGEN)(images)[0], network(images), rel=1e-4, abs=1e-5)


def test_bfloat16_rounds_and_keeps_the_ranking_mostly() -> None:
    import tensorflow as tf

    from engine.training.forward import NO_FOLDING, Forward

    made = build_network("cnn_4", (32, 32, 1), CLASSES, NetworkSpec(), seed=1)
    images = np.random.default_rng(0).normal(size=(200, 32, 32, 1)).astype(np.float32)
    (exact, _), (rounded, _) = Forward(made, NO_FOLDING)(images), Forward(made, NO_FOLDING, tf.bfloat16)(images)
    exact, rounded = np.asarray(exact), np.asarray(rounded)
    assert rounded.dtype == np.float32
    assert 0 < np.abs(exact - rounded).max() < 0.05 * np.abs(exact).max()
    assert (exact.argmax(axis=1) == rounded.argmax(axis=1)).mean() > 0.9


def test_a_layer_that_no_architecture_has_is_refused() -> None:
    import keras

    from engine.training.forward import NO_FOLDING, Forward

    made = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.UpSampling2D(2)])
    with pytest.raises(TypeError, match="UpSampling2D"):
        Forward(made, NO_FOLDING)(np.zeros((1, 4, 4, 1), np.float32))
