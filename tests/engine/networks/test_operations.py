"""engine.networks.operations: products and sums, by hand."""

from __future__ import annotations

import pytest

from engine.networks.architectures import summarize
from engine.networks.operations import evaluation_operations, has_convolution, step_operations

PREDICTION = 2 * 10 * 10  # of 10 units on 10 values


@pytest.mark.parametrize(
    ("notation", "before", "learned_before"),
    [
        ("Conv-3x3x10(same, stride 2, no bias), BatchNorm, Act, GlobalAvgPool", 2 * 4 * 4 * 10 * 3 * 3 * 3, False),
        ("FC-10, Dropout-0.5", 2 * 10 * 8 * 8 * 3, False),
        # Both convolutions of the block follow none; neither needs a gradient with respect to the images.
        (
            "Skip[Conv-1x1x10 | Conv-3x3x10(same)], GlobalAvgPool",
            2 * 8 * 8 * 10 * 3 + 2 * 8 * 8 * 10 * 3 * 9,
            False,
        ),
        # What is normalised depends on learned parameters.
        ("BatchNorm, Conv-1x1x10, GlobalAvgPool", 2 * 8 * 8 * 10 * 3, True),
    ],
)
def test_a_step_has_the_forward_pass_and_two_gradients(notation: str, before: int, learned_before: bool) -> None:
    layers = summarize(f"small[{notation}]", (8, 8, 3), 10)
    assert evaluation_operations(layers, 5) == 5 * (before + PREDICTION)
    assert step_operations(layers, 5) == 5 * ((3 if learned_before else 2) * before + 3 * PREDICTION)


def test_a_depthwise_convolution_has_one_kernel_for_each_channel() -> None:
    layers = summarize("small[DepthwiseConv-3x5(same, stride 2), GlobalAvgPool]", (8, 8, 3), 10)
    assert evaluation_operations(layers, 1) == 2 * 4 * 4 * 3 * 3 * 5 + 2 * 3 * 10
    assert has_convolution(layers)


def test_convolutions_within_a_block_count() -> None:
    assert has_convolution(summarize("small[Skip[Skip[Conv-3x3x3(same)]]]", (8, 8, 3), 10))
    assert not has_convolution(summarize("small[Skip[Act], BatchNorm]", (8, 8, 3), 10))
