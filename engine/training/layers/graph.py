"""The layers of a network in the order of its summary, and which takes the output of which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras

IMAGES = -1  # stands for the images where a node's number is expected


@dataclass(frozen=True)
class Node:
    """A layer, and the numbers of the nodes whose outputs it takes, or ``IMAGES``."""

    layer: keras.layers.Layer
    inputs: tuple[int, ...]


def network_graph(network: keras.Model) -> tuple[Node, ...]:
    """Return the layers of a network, each after those whose outputs it takes, and the prediction layer last.

    Of a sum of branches, all of the first comes before all of the second, as in ``engine.networks.architectures``.
    Keras sorts the layers of a functional model by their distance from the output, which mixes branches.

    Args:
        network: sequential, or functional with one input, one output and every layer called once.
    """
    if isinstance(network, keras.Sequential):
        return tuple(Node(layer, (number - 1,)) for number, layer in enumerate(network.layers))
    layers = {id(layer.output): layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)}
    numbers = {id(network.inputs[0]): IMAGES}
    nodes: list[Node] = []
    waiting = [network.outputs[0]]
    while waiting:  # depth first; a loop, as networks may be deeper than Python's recursion
        layer = layers.get(id(waiting[-1]))
        taken = _inputs(layer) if layer is not None else ()
        missing = [tensor for tensor in taken if id(tensor) not in numbers]
        if missing:
            waiting.append(missing[0])
            continue
        tensor = waiting.pop()
        if layer is not None and id(tensor) not in numbers:
            numbers[id(tensor)] = len(nodes)
            nodes.append(Node(layer, tuple(numbers[id(each)] for each in taken)))
    return tuple(nodes)


def _inputs(layer: keras.layers.Layer) -> tuple[keras.KerasTensor, ...]:
    return tuple(layer.input) if isinstance(layer.input, list | tuple) else (layer.input,)


def layers_with_kernel(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the convolutions and dense layers, in the order of the network's summary."""
    return (node.layer for node in network_graph(network) if hasattr(node.layer, "kernel"))
