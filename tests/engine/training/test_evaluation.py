"""engine.training.evaluation, compared with NumPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from engine.config.specs import NetworkSpec
from engine.networks.architectures import build_network
from engine.utils.arrays import Array
from tests.engine.support import assert_close

if TYPE_CHECKING:
    from engine.training.forward import Folding

CLASSES = 3
SHAPE = (6, 6, 1)
THREE_ACTIVATIONS = "three[Conv-3x3x9, Act, Conv-3x3x4, Act, FC-8, Act]"
FOLDED = {"none": (), "oneDNN": (1,), "Eigen": (0, 1)}  # of each folding: the convolutions that are folded


def images(count: int) -> tuple[Array, Array]:
    """Noise whose scale grows from image to image, so that no chunk has the statistics of another."""
    generator = np.random.default_rng(count)
    values = generator.normal(size=(count, *SHAPE)) * np.linspace(0.1, 3, count)[:, None, None, None]
    return values.astype(np.float32), generator.integers(0, CLASSES, count).astype(np.int32)


def network(architecture: str = THREE_ACTIVATIONS, activation: str = "relu") -> Any:
    return build_network(architecture, SHAPE, CLASSES, NetworkSpec.build({"activation": activation}), seed=1)


def folding(kind: str) -> Folding:
    from engine.training.forward import FOLDING_FOR_AVX512, FOLDING_FOR_EIGEN, NO_FOLDING

    return {"none": NO_FOLDING, "oneDNN": FOLDING_FOR_AVX512, "Eigen": FOLDING_FOR_EIGEN}[kind]


def evaluated(made: Any, x: Array, y: Array, activations_on_all: bool) -> Any:
    import tensorflow as tf

    from engine.training.evaluation import Evaluator

    return Evaluator(made, SHAPE, activations_on_all, folding("oneDNN"))(tf.constant(x), tf.constant(y))


@pytest.fixture(scope="module")
def small_chunks() -> Callable[..., Any]:
    """Make evaluators of ``network()`` in chunks of 100 images; equal ones are shared, as compiling them takes long."""

    @cache
    def evaluator(activations_on_all: bool, kind: str = "oneDNN", precision: str = "float32", threads: int = 1) -> Any:
        from engine.training.evaluation import Evaluator

        with pytest.MonkeyPatch.context() as patch:
            # The first convolution gives 4x4x9 float32 an image.
            patch.setattr("engine.training.evaluation.CHUNK_BYTES", 100 * 4 * 4 * 9 * 4)
            return Evaluator(network(), SHAPE, activations_on_all, folding(kind), precision, threads)

    return evaluator


def given(made: Any, x: Array) -> tuple[Array, list[Array]]:
    """Logits and activations, layer by layer in float32."""
    import keras

    outputs, values = [], x
    for layer in made.layers:
        values = keras.ops.convert_to_numpy(layer(values))
        if isinstance(layer, keras.layers.Activation):
            outputs.append(values.astype(np.float64))
    return values.astype(np.float64), outputs


@pytest.mark.parametrize(
    ("count", "kind"),
    [
        *((count, "oneDNN") for count in (1, 99, 100, 101, 499, 500, 501, 1003)),
        *((1003, kind) for kind in ("none", "Eigen")),
    ],
)
@pytest.mark.parametrize("activations_on_all", [True, False])
def test_it_says_what_numpy_says_wherever_chunks_end_and_what_is_folded(
    small_chunks: Callable[..., Any], count: int, kind: str, activations_on_all: bool
) -> None:
    import tensorflow as tf

    made = network()
    x, y = images(count)
    found = small_chunks(activations_on_all, kind)(tf.constant(x), tf.constant(y))
    logits, _ = given(made, x)
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(count), y]
    assert found.loss == pytest.approx(losses.mean(), rel=1e-4)
    assert found.accuracy == pytest.approx((logits.argmax(axis=1) == y).mean(), abs=1e-6)
    _, outputs = given(made, x if activations_on_all else x[:500])
    assert found.activation_means == pytest.approx([each.mean() for each in outputs], rel=1e-4)
    assert found.activation_deviations == pytest.approx([each.std() for each in outputs], rel=1e-4)
    dead = [int((each == 0).reshape(-1, each.shape[-1]).all(axis=0).sum()) for each in outputs]
    assert found.dead_units == tuple(dead)


@pytest.mark.parametrize(("kind", "folded"), FOLDED.items())
def test_each_folding_folds_other_convolutions_of_that_network(kind: str, folded: tuple[int, ...]) -> None:
    import tensorflow as tf

    from engine.training.forward import Forward

    graph = tf.function(Forward(network(), folding(kind))).get_concrete_function(tf.zeros((2, *SHAPE))).graph
    found = [node.outputs[0].shape[-1] for node in graph.get_operations() if node.type == "Conv2D"]
    assert found == [filters * (2 if number in folded else 1) for number, filters in enumerate((9, 4))]


def test_chunks_side_by_side_give_the_same_to_the_bit(small_chunks: Callable[..., Any]) -> None:
    import tensorflow as tf

    x, y = map(tf.constant, images(1003))
    one_by_one = small_chunks(True)(x, y)
    assert [small_chunks(True, threads=threads)(x, y) for threads in (2, 3, 8)] == [one_by_one] * 3


@pytest.mark.parametrize("count", [1, 100, 1003])
def test_logits_are_in_the_order_of_the_images(small_chunks: Callable[..., Any], count: int) -> None:
    import tensorflow as tf

    x, _ = images(count)
    # In float32 even if validation is not: the test is made once, and its result is the one that is reported.
    found = small_chunks(False, precision="bfloat16", threads=2).logits(tf.constant(x))
    assert_close(found, given(network(), x)[0], rel=1e-4, abs=1e-5)


def test_a_unit_that_lives_for_one_image_alone_is_not_dead() -> None:
    """Only the last image, in the last chunk, activates the unit."""
    made = network("one[FC-4, ReLU]")
    kernel, bias = made.layers[1].kernel, made.layers[1].bias
    kernel.assign(np.eye(36, 4, dtype=np.float32))
    bias.assign(np.zeros(4, np.float32))
    x = -np.ones((1001, *SHAPE), np.float32)
    y = np.zeros(1001, np.int32)
    assert evaluated(made, x, y, activations_on_all=True).dead_units == (4,)
    x[-1, 0, 1, 0] = 0.5
    assert evaluated(made, x, y, activations_on_all=True).dead_units == (3,)
    assert evaluated(made, x, y, activations_on_all=False).dead_units == (4,), "it lies beyond the images looked at"


def test_a_network_without_activation_has_loss_and_accuracy_alone() -> None:
    made = network("none[FC-8]")
    x, y = images(501)
    found = evaluated(made, x, y, activations_on_all=False)
    assert (found.dead_units, found.activation_means, found.activation_deviations) == ((), (), ())
    logits, _ = given(made, x)
    assert found.accuracy == pytest.approx((logits.argmax(axis=1) == y).mean(), abs=1e-6)


def test_the_deviation_of_a_saturated_sigmoid_is_not_lost_to_rounding() -> None:
    """Outputs within a few millionths of 0.998: their squares agree to more digits than float32 has."""
    made = network("one[FC-4, Act]", "sigmoid")
    made.layers[1].kernel.assign(np.full((36, 4), 2e-4, np.float32))
    made.layers[1].bias.assign(np.full(4, 6.0, np.float32))
    x, y = images(900)
    found = evaluated(made, x, y, activations_on_all=True)
    _, (outputs,) = given(made, x)
    assert outputs.std() < 1e-5
    assert found.activation_deviations[0] == pytest.approx(outputs.std(), rel=0.01)


def test_a_unit_that_is_no_number_is_not_dead() -> None:
    """NaN is not 0."""
    made = network("one[FC-4, Tanh]")
    layer = made.get_layer("dense_1")
    layer.kernel.assign(np.zeros((36, 4), np.float32))
    layer.bias.assign(np.array([np.nan, 0, 0, 1], np.float32))
    x, y = images(20)
    assert evaluated(made, x, y, activations_on_all=True).dead_units == (2,)
