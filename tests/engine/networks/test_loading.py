"""engine.networks.loading: whatever networks here can be is saved, read and built as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.specs import NetworkSpec
from engine.networks.architectures import build_network
from engine.networks.files import read_network
from engine.networks.layers import (
    Act,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    DepthwiseConv,
    Dropout,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    MaxPool,
    Skip,
    SpatialDropout,
)
from engine.networks.loading import build_saved
from engine.networks.notation import format_network

SHAPE, CLASSES = (9, 8, 2), 3

sides, biases = st.integers(1, 3), st.booleans()
penalties = st.sampled_from([0.0, 0.001])
rates = st.sampled_from([0.1, 0.5])
acts = st.sampled_from([Act("relu"), Act("tanh"), Act("leaky_relu"), Act("gelu")])
elementwise = st.one_of(
    st.builds(BatchNorm, st.sampled_from([0.9, 0.99]), st.sampled_from([1e-5, 1e-3])),
    st.builds(LayerNorm, st.sampled_from([1e-5, 1e-3])),
    st.builds(Dropout, rates),
    acts,
)
same_size = st.one_of(
    elementwise,
    st.builds(SpatialDropout, rates),
    st.builds(Conv, sides, sides, st.just(2), st.just("same"), st.just(1), biases, penalties),
    st.builds(DepthwiseConv, sides, sides, st.just("same"), st.just(1), biases, penalties),
)


def blocks(inner: st.SearchStrategy[Layer], further: int = 1) -> st.SearchStrategy[Layer]:
    """Residual blocks of layers that keep size and channels; the body is the longer path."""
    paths = st.lists(inner, min_size=1, max_size=2), st.lists(inner, max_size=1)
    found = st.tuples(*paths).filter(lambda two: count(two[0]) > count(two[1]))
    blocks_here = found.map(lambda two: Skip(tuple(two[0]), tuple(two[1])))
    return blocks_here if not further else st.one_of(blocks_here, blocks(st.one_of(inner, blocks_here), further - 1))


def count(layers: list[Layer]) -> int:
    return sum(1 + (count([*each.body, *each.shortcut]) if isinstance(each, Skip) else 0) for each in layers)


pools = (st.integers(1, 2), st.sampled_from([None, 3]), st.sampled_from(["valid", "same"]))
strided = st.one_of(
    st.builds(Conv, sides, sides, st.just(2), st.sampled_from(["valid", "same"]), st.integers(1, 2), biases),
    st.builds(MaxPool, *pools),
    st.builds(AvgPool, *pools),
)
vector = st.one_of(elementwise, st.builds(Dense, st.integers(1, 4), biases, penalties))
networks = (
    st.tuples(
        st.lists(st.one_of(same_size, blocks(same_size)), max_size=3),
        st.lists(strided, max_size=1),
        st.lists(st.one_of(same_size, blocks(same_size)), max_size=1),
        st.one_of(st.just([]), st.just([GlobalAvgPool()]), st.just([Dense(4), Act("silu")])),
        st.lists(vector, max_size=2),
    )
    .map(lambda parts: tuple(layer for part in parts for layer in part))
    .filter(bool)
)


@given(layers=networks, seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_saved_is_read_and_computes_the_same(tmp_path: Path, layers: tuple[Layer, ...], seed: int) -> None:
    file, random = tmp_path / "net.keras", np.random.default_rng(seed)
    built = build_network(f"a[{format_network(layers)}]", SHAPE, CLASSES, NetworkSpec(), seed)
    built.set_weights([random.uniform(-0.5, 0.9, values.shape) ** 2 for values in built.get_weights()])
    built.save(file)
    saved, _ = read_network(file)
    assert saved.hidden == layers
    loaded, _ = build_saved(saved, file, SHAPE)
    images = random.normal(size=(2, *SHAPE)).astype(np.float32)
    np.testing.assert_array_equal(loaded(images, training=False), built(images, training=False))
