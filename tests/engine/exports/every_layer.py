"""A network with every layer and activation that the program trains, for the tests of exported networks."""

from __future__ import annotations

import keras
import numpy as np

from engine.config.specs import NetworkSpec
from engine.networks.architectures import build_network

ARCHITECTURE = (
    "every[Conv-5x3x8(same, stride 2, L2 0.001), BatchNorm, GELU, Skip[DepthwiseConv-3x3(same, no bias), LayerNorm, "
    "LeakyReLU, MaxPool-3x3(stride 2, same) | Conv-1x1x8(stride 2, no bias)], ELU, SpatialDropout-0.2, "
    "Skip[AvgPool-3x3(stride 1, same), Skip[Conv-1x1x8, Tanh]], SiLU, DepthwiseConv-3x3(same), GlobalAvgPool, "
    "Sigmoid, FC-8(no bias, L2 0.01), ReLU, Dropout-0.5, BatchNorm(momentum 0.9, epsilon 1e-05), LayerNorm]"
)
SHAPE = (13, 12, 3)  # odd and even, so that padding and strides differ
CLASSES = 4


def network_with_every_layer() -> keras.Model:
    """With weights and averages far from their initial values."""
    network = build_network(ARCHITECTURE, SHAPE, CLASSES, NetworkSpec(), seed=3)
    generator = np.random.default_rng(1)
    for layer in network.layers:
        layer.set_weights([_changed(each, generator) for each in layer.weights])
    return network


def _changed(weight: keras.Variable, generator: np.random.Generator) -> np.ndarray:
    if weight.dtype != "float32":  # the state of a random generator
        return weight.numpy()
    values = weight.numpy() + generator.normal(0, 0.3, weight.shape)
    return np.abs(values) if "variance" in weight.path else values
