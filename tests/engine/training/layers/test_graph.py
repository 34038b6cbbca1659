"""engine.training.layers.graph: the layers of a network in the order of its summary."""

from __future__ import annotations

import keras
import pytest

from engine.config.specs import NetworkSpec
from engine.networks.architectures import ARCHITECTURES, INPUT, build_network, summarize, weight_layers
from engine.training.layers.graph import IMAGES, layers_with_kernel, network_graph

SHAPE, CLASSES = (32, 32, 3), 10

NETWORKS = [
    *ARCHITECTURES,
    "short_body[Skip[Act | Conv-1x1x3, BatchNorm, Act, Conv-1x1x3], FC-4]",
    "long_body[Conv-3x3x4, Skip[Conv-3x3x4(same), Act, DepthwiseConv-3x3(same), Act | Conv-1x1x4, Act], Act]",
    "nested[Skip[Conv-3x3x3(same), Skip[Act, Conv-1x1x3 | Conv-3x3x3(same)], Act | Skip[Conv-1x1x3]], Skip[Act]]",
]


@pytest.mark.parametrize("architecture", NETWORKS)
def test_layers_and_their_inputs_are_those_of_the_summary(architecture: str) -> None:
    summaries = summarize(architecture, SHAPE, CLASSES)
    network = build_network(architecture, SHAPE, CLASSES, NetworkSpec(), seed=0)
    graph = network_graph(network)
    kept = [node for node in graph if not isinstance(node.layer, keras.layers.Flatten)]
    assert [node.layer.name for node in kept] == [summary.name for summary in summaries]
    for node, summary in zip(kept, summaries, strict=True):
        names = []
        for taken in node.inputs:
            number = taken
            while number != IMAGES and isinstance(graph[number].layer, keras.layers.Flatten):
                (number,) = graph[number].inputs
            names.append(INPUT if number == IMAGES else graph[number].layer.name)
        assert tuple(names) == summary.inputs
    assert tuple(layer.name for layer in layers_with_kernel(network)) == weight_layers(summaries)


def test_the_order_of_keras_is_another_one() -> None:
    network = build_network(NETWORKS[-3], SHAPE, CLASSES, NetworkSpec(), seed=0)
    graph = [node.layer.name for node in network_graph(network)]
    assert [layer.name for layer in network.layers if layer.name in graph] != graph


def test_a_deep_network_needs_no_recursion() -> None:
    images = values = keras.Input((2, 2, 1))
    for _ in range(400):
        values = keras.layers.Activation("relu")(values)
    assert len(network_graph(keras.Model(images, values))) == 400
