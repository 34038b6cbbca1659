"""The layout of a network's picture."""

from __future__ import annotations

import pytest

from engine.networks.architectures import ARCHITECTURES, LayerSummary, summarize, summarize_layers
from engine.networks.diagram import Block, Diagram, Kind, lay_out
from engine.networks.diagram.blocks import WIDTH
from engine.networks.notation import parse_network

SQUARE = (1.0, 1.0)
RESIDUAL = "Skip[Conv-3x3x8(same, no bias), BatchNorm, ReLU, Conv-3x3x8(same), BatchNorm], ReLU"


def layers(notation: str, shape: tuple[int, int, int] = (16, 16, 3)) -> tuple[LayerSummary, ...]:
    return summarize_layers(parse_network(notation), shape, 10)


def titles(block: Block) -> list[str]:
    return [row.title for row in block.rows]


def test_what_follows_a_layer_without_changing_its_shape_is_in_its_block() -> None:
    diagram = lay_out(
        layers("Conv-3x3x8(same, no bias), BatchNorm, ReLU, MaxPool-2x2, Dropout-0.2, FC-16, ReLU"), SQUARE
    )
    assert [titles(block) for block in diagram.blocks] == [
        ["Input"],
        ["Conv-3x3x8", "BatchNorm", "ReLU"],
        ["MaxPool-2x2", "Dropout-0.2"],
        ["FC-16", "ReLU"],
        ["FC-10"],
    ]
    assert [block.shape for block in diagram.blocks] == [(16, 16, 3), (16, 16, 8), (8, 8, 8), (16,), (10,)]
    convolution, dense = diagram.blocks[1].rows[0], diagram.blocks[3].rows[0]
    assert (convolution.options, convolution.parameters) == ("same, no bias", 216)
    assert dense.options == "on 8·8·8 = 512 values"
    assert [block.kind for block in diagram.blocks][1:3] == [Kind.CONVOLUTION, Kind.POOLING]


def test_solids_are_in_proportion_to_the_input_and_deeper_with_more_channels() -> None:
    image, convolution, pooled, units = (
        block.solid for block in lay_out(layers("Conv-3x3x64(same), MaxPool-2x2"), SQUARE).blocks
    )
    assert image is not None
    assert convolution is not None
    assert pooled is not None
    assert units is not None
    assert (convolution.width, pooled.width) == (image.width, image.width / 2)
    assert image.depth < convolution.depth == pooled.depth
    assert units.depth == 0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_shares_of_all_blocks_are_the_whole(name: str) -> None:
    summaries = summarize(name, (32, 32, 3), 10)
    diagram = lay_out(summaries, SQUARE)
    assert diagram.parameters == sum(layer.parameters for layer in summaries)
    assert sum(block.share for block in diagram.blocks) == pytest.approx(1)


@pytest.mark.parametrize("room", [(1, 4), (1, 1), (4, 1)])
@pytest.mark.parametrize("name", ["mlp_1", "cnn_5", "resnet_20"])
def test_blocks_lie_inside_and_do_not_overlap(name: str, room: tuple[int, int]) -> None:
    diagram = lay_out(summarize(name, (32, 32, 3), 10), room)
    places = [(block.x, block.y, block.x + WIDTH, block.y + block.height) for block in diagram.blocks]
    for number, (left, top, right, bottom) in enumerate(places):
        assert 0 < left < right < diagram.width
        assert 0 < top < bottom < diagram.height
        for other in places[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
    points = [point for line in diagram.lines for point in line.points]
    assert all(0 <= x <= diagram.width and 0 <= y <= diagram.height for x, y in points)


def columns(diagram: Diagram) -> int:
    return len({block.x for block in diagram.blocks})


def test_a_wide_area_gets_more_columns_and_one_too_small_to_be_legible_only_as_many_as_fit() -> None:
    summaries = summarize("cnn_5", (32, 32, 3), 10)
    assert columns(lay_out(summaries, (100, 400))) == 1
    assert columns(lay_out(summaries, (400, 100))) > 2
    legible = lay_out(summaries, (600, 100), least=0.8)
    assert columns(legible) == 2
    assert legible.width * 0.8 <= 600 < legible.height * 0.8 * 6


def test_a_skip_connection_leads_around_the_body_to_the_sum() -> None:
    diagram = lay_out(layers(f"Conv-3x3x8(same), {RESIDUAL}"), (1, 10))
    (frame,), ((x, y),) = diagram.frames, diagram.sums
    assert frame.title == "Residual block"
    assert frame.parameters == "1,192 parameters"
    (skip,) = (line for line in diagram.lines if line.skip)
    inside = diagram.blocks[2:4]
    assert max(px for px, _ in skip.points) > max(block.x + WIDTH for block in inside)
    assert skip.points[0][1] < min(block.y for block in inside)
    assert skip.points[-1][0] > x
    assert skip.points[-1][1] == y > max(block.y + block.height for block in inside)
    assert titles(diagram.blocks[4]) == ["ReLU"], "after the sum"


def test_the_layers_of_a_shortcut_stand_beside_the_body() -> None:
    diagram = lay_out(layers("Skip[Conv-3x3x8(same, stride 2), BatchNorm | Conv-1x1x8(stride 2)]"), (1, 10))
    _, body, shortcut, _ = diagram.blocks
    assert titles(body) == ["Conv-3x3x8", "BatchNorm"]
    assert titles(shortcut) == ["Conv-1x1x8"]
    assert shortcut.x > body.x + WIDTH
    assert shortcut.y == body.y


def test_equal_blocks_in_a_row_are_drawn_once_with_their_number() -> None:
    diagram = lay_out(layers(f"Conv-3x3x8(same), {RESIDUAL}, {RESIDUAL}, {RESIDUAL}, FC-9, FC-9, FC-9"), (1, 10))
    assert [frame.title for frame in diagram.frames] == ["3 × this block"]
    assert [(titles(block)[0], block.repeats) for block in diagram.blocks][-3:] == [
        ("FC-9", 1),
        ("FC-9", 2),
        ("FC-10", 1),
    ]


def test_blocks_that_differ_in_their_input_alone_are_not_equal() -> None:
    """The layers are the same, but the first is of three channels."""
    block = "Skip[Conv-3x3x8(same) | Conv-1x1x8]"
    assert len(lay_out(layers(f"{block}, {block}"), (1, 10)).frames) == 2


def test_blocks_in_blocks_have_frames_in_frames() -> None:
    inner, outer = sorted(
        lay_out(layers(f"Conv-3x3x8(same), Skip[{RESIDUAL}, Conv-3x3x8(same)]"), SQUARE).frames,
        key=lambda each: each.width,
    )
    assert outer.x < inner.x
    assert inner.x + inner.width < outer.x + outer.width
    assert outer.y < inner.y < inner.y + inner.height < outer.y + outer.height


def test_a_network_may_begin_with_a_normalisation() -> None:
    image, first, *_ = lay_out(layers("BatchNorm, ReLU, FC-4"), SQUARE).blocks
    assert titles(image) == ["Input"]
    assert (titles(first), first.shape) == (["BatchNorm", "ReLU"], None)


def test_tips_give_names_shapes_and_formulas() -> None:
    block = lay_out(layers("Conv-3x5x8, ReLU"), SQUARE).blocks[1]
    assert block.tip.splitlines() == [
        "conv_1: 16x16x3 → 12x14x8, (3·5·3 + 1)·8 = 368 parameters",
        "act_1: 12x14x8 → 12x14x8",
    ]
