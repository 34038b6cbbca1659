"""Number of floating-point operations of training and validation, by formula.

Two operations, a product and a sum, per weight and position in the forward pass, and as many for each of the two
gradients, except that layers before which nothing is learned need no gradient with respect to their input. Activations,
pooling, normalisation, dropout, sums, biases and the optimiser are left out: they are few beside those of convolutions
and matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.networks.architectures import INPUT, LayerSummary
from engine.networks.layers import Conv, Dense, DepthwiseConv


def layer_operations(summary: LayerSummary) -> int:
    """Return the operations of a layer's forward pass for one image; 0 for a layer without weights."""
    match summary.layer:
        case Conv(height, width, filters):
            positions = summary.output_shape[0] * summary.output_shape[1]
            return 2 * positions * filters * height * width * summary.input_shape[2]
        case DepthwiseConv(height, width):
            return 2 * math.prod(summary.output_shape) * height * width
        case Dense(units):
            return 2 * units * math.prod(summary.input_shape)
    return 0


def evaluation_operations(layers: Sequence[LayerSummary], images: int) -> int:
    """Return the operations of a forward pass over ``images``, as in validation and test."""
    return images * sum(map(layer_operations, layers))


def step_operations(layers: Sequence[LayerSummary], batch: int) -> int:
    """Return the operations of a training step on ``batch`` images: forward pass and both gradients."""
    total = 0
    learning = {INPUT: False}  # whether the output of a layer depends on some
    for layer in layers:
        follows = any(learning[name] for name in layer.inputs)
        learning[layer.name] = follows or layer.parameters > 0
        total += layer_operations(layer) * (3 if follows else 2)
    return batch * total


def has_convolution(layers: Sequence[LayerSummary]) -> bool:
    """Return whether any layer is a convolution."""
    return any(isinstance(summary.layer, Conv | DepthwiseConv) for summary in layers)
