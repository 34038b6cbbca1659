"""engine.networks.notation: parsing and formatting of the homework's notation."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.experiments.fields import normalize_architecture
from engine.networks.architectures import (
    ARCHITECTURES,
    INPUT,
    architecture_name,
    layers_of,
    summarize_layers,
    with_configurable_activations,
)
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
    flattened,
)
from engine.networks.notation import (
    ACTIVATION_NAMES,
    EXAMPLE,
    LAYER_HELP,
    MAX_CHANNELS,
    MAX_DEPTH,
    MAX_KERNEL_SIDE,
    MAX_LAYERS,
    MAX_STRIDE,
    MAX_UNITS,
    format_network,
    parse_network,
    split_architecture,
)
from engine.utils.errors import NetworkError

sides = st.integers(1, MAX_KERNEL_SIDE)
paddings = st.sampled_from(["valid", "same"])
strides = st.integers(1, MAX_STRIDE)
penalties = st.just(0.0) | st.floats(1e-12, 1000)
shares = st.floats(0, 0.99, exclude_min=True)
epsilons = st.just(1e-3) | st.floats(1e-12, 1)
layers: st.SearchStrategy[Layer] = st.one_of(
    st.builds(Conv, sides, sides, st.integers(1, MAX_CHANNELS), paddings, strides, st.booleans(), penalties),
    st.builds(DepthwiseConv, sides, sides, paddings, strides, st.booleans(), penalties),
    # A stride equal to the side is not written, and read as none.
    st.builds(MaxPool, sides, st.none() | strides, paddings).filter(lambda layer: layer.stride != layer.size),
    st.builds(AvgPool, sides, st.none() | strides, paddings).filter(lambda layer: layer.stride != layer.size),
    st.just(GlobalAvgPool()),
    st.builds(Dense, st.integers(1, MAX_UNITS), st.booleans(), penalties),
    st.builds(BatchNorm, st.floats(0, 0.999999), epsilons),
    st.builds(LayerNorm, epsilons),
    st.builds(Dropout, shares),
    st.builds(SpatialDropout, shares),
    st.builds(Act, st.none() | st.sampled_from(sorted(ACTIVATION_NAMES))),
)
some_layers = st.lists(layers, min_size=1, max_size=4).map(tuple)
blocks = st.builds(Skip, some_layers, st.just(()) | some_layers)
networks = st.lists(layers | blocks | st.builds(Skip, st.tuples(blocks)), min_size=1, max_size=12).map(tuple)
# Valid and invalid inputs: pieces of the notation in any order.
nearly = st.lists(
    st.sampled_from(
        [
            *("Conv", "-", "3", "x", "0", "16", "FC", "MaxPool", "ReLU", "(no bias)", ",", " ", "\n", "[", "]"),
            *("Skip[", "|", "(same", "stride 2", ")", "Dropout-", ".", "5", "BatchNorm"),
        ]
    ),
    max_size=12,
).map("".join)


def refusal(text: str) -> str:
    with pytest.raises(NetworkError) as error:
        parse_network(text)
    message = str(error.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


@given(networks)
def test_what_is_written_is_read_back(network: tuple[Layer, ...]) -> None:
    assert parse_network(format_network(network)) == network


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_courses_networks_are_written_and_read_back(name: str) -> None:
    assert parse_network(format_network(ARCHITECTURES[name])) == ARCHITECTURES[name]


def test_the_courses_fourth_network_is_written_as_the_homework_does() -> None:
    assert format_network(ARCHITECTURES["cnn_4"]) == (
        "Conv-3x3x16, Act, Conv-3x3x8, Act, Conv-5x5x16, Act, MaxPool-2x2, Conv-5x5x16, Act, MaxPool-2x2"
    )


def test_a_kernel_is_written_width_before_height() -> None:
    (layer,) = parse_network("Conv-5x3x16")
    assert layer == Conv(height=3, width=5, filters=16)
    assert layer.output_shape((28, 32, 1)) == (26, 28, 16)


@pytest.mark.parametrize("text", ["FC-64(no bias)", "fc-64 (NO BIAS)", "FC-64(nobias)", " F C - 6 4 ( n o b i a s ) "])
def test_a_dense_layer_may_be_without_bias(text: str) -> None:
    assert parse_network(text) == (Dense(64, bias=False),)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_every_activation_is_read_by_its_written_name_and_by_its_key(name: str) -> None:
    for text in (ACTIVATION_NAMES[name], name, name.upper()):
        assert parse_network(text) == (Act(name),)


def test_act_leaves_the_activation_to_the_settings() -> None:
    assert parse_network("Act, act") == (Act(), Act())


@pytest.mark.parametrize(
    "text",
    ["conv-3X3x16,relu,MAXPOOL-2x2", "  Conv - 3 x 3 x 16 ,\n\tReLU ,MaxPool-2x2  ", "Conv-3×3×16,ReLU,MaxPool-2×2"],
)
def test_case_and_space_and_the_sign_of_multiplication_make_no_difference(text: str) -> None:
    assert parse_network(text) == (Conv(3, 3, 16), Act("relu"), MaxPool(2))


CONV_OPTIONS = "same, stride 2, no bias, L2 0.0005"
NO_SIDE = "a block needs layers, and a shortcut after its bar: Skip[layers], or Skip[layers | shortcut]."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", f"the network has no layer; write for example {EXAMPLE}."),
        (" \n ", f"the network has no layer; write for example {EXAMPLE}."),
        ("MaxPool-2x3", "'MaxPool-2x3' is not square; pooling takes windows such as MaxPool-2x2."),
        ("Conv-0x3x16", "the side in 'Conv-0x3x16' must be from 1 to 64."),
        ("Conv-3x65x16", "the side in 'Conv-3x65x16' must be from 1 to 64."),
        ("Conv-3x3x0", "the number of channels in 'Conv-3x3x0' must be from 1 to 4096."),
        ("Conv-3x3x4097", "the number of channels in 'Conv-3x3x4097' must be from 1 to 4096."),
        ("MaxPool-0x0", "the side in 'MaxPool-0x0' must be from 1 to 64."),
        ("Conv-3x3x16(same, same)", "'Conv-3x3x16(same, same)' has the option 'same' twice."),
        ("Conv-3x3x16(stride)", f"'stride' is no option of 'Conv-3x3x16(stride)'; there are {CONV_OPTIONS}."),
        ("Conv-3x3x16(same 2)", f"'same2' is no option of 'Conv-3x3x16(same 2)'; there are {CONV_OPTIONS}."),
        ("Conv-3x3x16(stride 0)", "the stride in 'Conv-3x3x16(stride 0)' must be from 1 to 64."),
        ("Conv-3x3x16(stride 1.5)", "the stride in 'Conv-3x3x16(stride 1.5)' must be from 1 to 64."),
        ("Conv-3x3x16(same,)", "an option of 'Conv-3x3x16(same,)' is missing before or after a comma."),
        ("MaxPool-2x2(no bias)", "'nobias' is no option of 'MaxPool-2x2(no bias)'; there are same, stride 2."),
        ("FC-64(bias)", "'bias' is no option of 'FC-64(bias)'; there are no bias, L2 0.0005."),
        ("Dropout-0", "the share in 'Dropout-0' must be above 0 and at most 0.99."),
        ("SpatialDropout-1.0", "the share in 'SpatialDropout-1.0' must be above 0 and at most 0.99."),
        ("BatchNorm(momentum 1)", "the momentum in 'BatchNorm(momentum 1)' must be from 0 to 0.999999."),
        ("Skip[ReLU", "a ']' is missing at the end."),
        ("Skip[ReLU)", "a ')' closes nothing; remove it, or open it before."),
        ("FC-8]", "a ']' closes nothing; remove it, or open it before."),
        ("Skip[Act | Act | Act]", "a block has one bar, between its layers and its shortcut: Skip[layers | shortcut]."),
        ("Skip[]", NO_SIDE),
        ("Skip[Act | ]", NO_SIDE),
        ("Skip[Act,, Act]", "a layer is missing before or after a comma."),
        (
            "Skip[" * 9 + "Conv-3x3x4(same)" + "]" * 9,
            f"blocks in blocks may be {MAX_DEPTH} deep, and these are deeper.",
        ),
        ("FC-0", "the number of units in 'FC-0' must be from 1 to 65536."),
        ("ReLU, FC-65537(no bias)", "the number of units in 'FC-65537(no bias)' must be from 1 to 65536."),
    ],
)
def test_each_mistake_has_its_sentence(text: str, reason: str) -> None:
    assert refusal(text) == reason


def test_options_in_the_deepest_block_are_no_block_of_their_own() -> None:
    deepest = "Skip[" * MAX_DEPTH + "Conv-3x3x4(same)" + "]" * MAX_DEPTH
    assert format_network(parse_network(deepest)) == deepest


@pytest.mark.parametrize("piece", ["Cnov-3x3x16", "FC-1e3", "FC-x", "LSTM-8", "'", "-"])
def test_what_is_no_layer_is_named_with_what_there_is(piece: str) -> None:
    message = refusal(f"ReLU, {piece}, FC-8")
    assert message.startswith(
        f"'{piece}' is no layer; there are Conv-3x3x16 (width, height, channels), DepthwiseConv-3x3, "
    )
    assert all(name in message for name in (*ACTIVATION_NAMES.values(), "Act"))


@pytest.mark.parametrize(
    ("piece", "hint"),
    [
        ("FC10", "write FC-10, unless it is the prediction layer, which is added automatically"),
        ("FC-10-", "write FC-10, unless it is the prediction layer, which is added automatically"),
        ("Dense-10", "write FC-10, unless it is the prediction layer, which is added automatically"),
        ("Dense(10)", "write FC-10, unless it is the prediction layer, which is added automatically"),
        ("Linear 64 (no bias)", "write FC-64(no bias)"),
        ("Linear", "write a fully connected layer with its number of units, as in FC-64"),
        ("Conv3x3x16", "write Conv-3x3x16"),
        ("Conv2D-3×3×16", "write Conv-3x3x16"),
        ("Conv-3x3", "write a convolution as width x height x number of channels, as in Conv-3x3x16"),
        ("Conv-16", "write a convolution as width x height x number of channels, as in Conv-3x3x16"),
        ("MaxPool2x2", "write MaxPool-2x2"),
        ("MaxPool-2", "write MaxPool-2x2"),
        ("MaxPool", "write pooling with its window, as in MaxPool-2x2"),
        ("AvgPool2d(3)", "write AvgPool-3x3"),
        ("AvgPool", "write pooling with its window, as in AvgPool-2x2"),
        ("GlobalAveragePooling2D()", "write GlobalAvgPool"),
        ("DepthwiseConv2D(3x3)", "write DepthwiseConv-3x3"),
        ("PredictionLayer", "it is added automatically, with one unit per class; leave it out"),
        ("Prediction layer (10)", "it is added automatically, with one unit per class; leave it out"),
        ("Flatten()", "the values are flattened automatically before the first FC layer; leave it out"),
        ("Softmax", "softmax is part of the loss, and is applied to the prediction layer automatically; leave it out"),
        ("Dropout(0.5)", "write dropout with its share, as in Dropout-0.5"),
        ("nn.Dropout2d", "write dropout of channels with its share, as in SpatialDropout-0.2"),
        ("BatchNormalization()", "write BatchNorm"),
        ("GroupNorm", "there is no normalisation of groups; write LayerNorm or BatchNorm"),
        ("Residual", "write a residual block, as in Skip[Conv-3x3x16(same), ReLU]"),
        ("Skip", "write a residual block, as in Skip[Conv-3x3x16(same), ReLU]"),
        ("Rescaling", "the normalisation of the images is a setting; leave it out"),
        ("nn.Flatten", "the values are flattened automatically before the first FC layer; leave it out"),
        ("Swish", "write SiLU"),
    ],
)
def test_what_other_programs_and_the_homework_write_is_explained(piece: str, hint: str) -> None:
    assert refusal(f"ReLU, {piece}, FC-8") == f"'{piece}' is no layer: {hint}."
    if spelling := re.fullmatch(r"write (FC-64\(no bias\)|[^\s,]+)(, unless .*)?", hint):
        assert parse_network(spelling[1]), "what is suggested is a layer"


def test_the_homeworks_way_of_writing_is_explained_at_its_last_layer() -> None:
    assert refusal("FC-32 + ReLU + PredictionLayer").startswith(
        "'PredictionLayer' is no layer: it is added automatically"
    )


@pytest.mark.parametrize("separator", [";", " -> ", "->", " → ", "+", "\n", "\r\n", ",\n"])
def test_other_separators_are_read_as_commas(separator: str) -> None:
    layers = ("Conv-3x3x16", "ReLU", "MaxPool-2x2", "FC-64(no bias)")
    assert format_network(parse_network(separator.join(layers))) == ", ".join(layers)


@pytest.mark.parametrize("text", ["ReLU,", ",ReLU", "ReLU,,FC-8", ","])
def test_an_empty_piece_between_commas_is_no_layer(text: str) -> None:
    assert refusal(text) == "a layer is missing before or after a comma."


def test_limits_are_what_is_just_allowed() -> None:
    text = f"Conv-{MAX_KERNEL_SIDE}x1x{MAX_CHANNELS}, MaxPool-{MAX_KERNEL_SIDE}x{MAX_KERNEL_SIDE}, FC-{MAX_UNITS}"
    assert parse_network(text) == (Conv(1, MAX_KERNEL_SIDE, MAX_CHANNELS), MaxPool(MAX_KERNEL_SIDE), Dense(MAX_UNITS))
    assert len(parse_network(", ".join(["Act"] * MAX_LAYERS))) == MAX_LAYERS
    assert refusal(", ".join(["Act"] * (MAX_LAYERS + 1))) == (
        f"the network has {MAX_LAYERS + 1} layers, and at most {MAX_LAYERS} are allowed."
    )


@given(st.text() | nearly)
@example("FC-٣")  # a digit to Python's \d, but not ASCII
@example("Conv-3x3x" + "9" * 5000)
@example("İ, ﬁ-3, ReLU\x00")
def test_any_text_gives_layers_or_a_sentence(text: str) -> None:
    try:
        found = parse_network(text)
    except NetworkError as error:
        assert str(error).endswith(".")
        return
    assert parse_network(format_network(found)) == found


@given(st.text() | nearly | st.builds("{}[{}]".format, st.text(max_size=4), st.text() | nearly))
def test_any_text_is_an_architecture_or_refused_with_a_sentence(text: str) -> None:
    try:
        name, found = architecture_name(text), layers_of(text)
    except NetworkError as error:
        assert str(error).endswith(".")
        return
    assert name.isascii()
    assert found


@given(networks, st.tuples(st.integers(1, 64), st.integers(1, 64), st.integers(1, 4)))
def test_any_network_fits_an_image_or_is_refused_by_name(network: tuple[Layer, ...], shape: tuple[int, ...]) -> None:
    try:
        summaries = summarize_layers(network, shape, 10)
    except NetworkError as error:
        assert str(error).startswith(("at ", "The network would learn "))
        return
    assert [each.layer for each in summaries] == [*flattened(network), Dense(10)]
    outputs = {INPUT: shape} | {each.name: each.output_shape for each in summaries}
    for each in summaries:
        assert min(each.output_shape) >= 1
        taken = each.output_shape if isinstance(each.layer, Skip) else each.input_shape
        assert {outputs[name] for name in each.inputs} == {taken}


@given(networks, st.tuples(st.integers(1, 64), st.integers(1, 64), st.integers(1, 4)))
def test_the_formula_told_is_the_number_counted(network: tuple[Layer, ...], shape: tuple[int, ...]) -> None:
    try:
        summaries = summarize_layers(network, shape, 10)
    except NetworkError:
        return
    for summary in summaries:
        told = _value(summary.formula) if summary.formula else 0
        assert told == summary.parameters


def _value(formula: str) -> int:
    """The value of a formula of sums and products, one factor of which may be in brackets."""
    if formula.startswith("("):
        inner, _, outer = formula[1:].partition(")·")
        return _value(inner) * int(outer)
    return sum(math.prod(int(factor) for factor in term.split("·")) for term in formula.split(" + "))


def test_a_network_is_told_by_name_or_by_name_and_layers() -> None:
    assert split_architecture("cnn_4") == ("cnn_4", None)
    assert split_architecture(" small [FC-8, ReLU] ") == ("small", "FC-8, ReLU")
    assert architecture_name("small[FC-8]") == "small"
    assert layers_of("small[FC-8, ReLU]") == (Dense(8), Act("relu"))
    assert layers_of("cnn_5") is ARCHITECTURES["cnn_5"]


@pytest.mark.parametrize(
    "text", ["", "[FC-8]", "1st[FC-8]", "two words[FC-8]", "a[FC-8", "a[b]c", "größe[FC-8]", "a" * 41]
)
def test_what_names_no_architecture_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(NetworkError) as error:
        split_architecture(text)
    name = text.partition("[")[0][:40]
    assert str(error.value).startswith(f"'{name}' is no name of an architecture: a name is letters, digits and _, ")
    assert str(error.value).endswith("as in small[Conv-3x3x16, ReLU].")


def test_an_unknown_name_is_refused_with_those_known_and_how_to_write_one() -> None:
    with pytest.raises(NetworkError) as error:
        layers_of("vgg")
    assert str(error.value) == (
        "there is no architecture called 'vgg'; there are mlp_1, mlp_2, cnn_3, cnn_4, cnn_5, lenet_5, vgg_small, "
        "resnet_20, or write one as name[Conv-3x3x16, ReLU, MaxPool-2x2, FC-64]."
    )


def test_a_chosen_architecture_is_kept_in_its_plainest_form() -> None:
    assert normalize_architecture(" cnn_3 ") == "cnn_3"
    assert normalize_architecture("small[conv-3X3x4,relu ]") == "small[Conv-3x3x4, ReLU]"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cnn_4[FC-8]", "'cnn_4' is the name of a built-in architecture; choose another name."),
        ("small[]", "the network has no layer"),
        ("small[FC-x]", "'FC-x' is no layer"),
        ("vgg", "there is no architecture called 'vgg'"),
    ],
)
def test_a_choice_that_is_no_architecture_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        normalize_architecture(text)


def test_opening_the_activations_leaves_everything_else_as_it_is() -> None:
    assert with_configurable_activations("small[FC-8, Sigmoid, FC-4(no bias), Act, GELU]") == (
        "small[FC-8, Act, FC-4(no bias), Act, Act]"
    )
    assert with_configurable_activations("cnn_5") == "cnn_5"
    assert with_configurable_activations("small[Skip[ReLU, FC-8 | Skip[Tanh]]]") == (
        "small[Skip[Act, FC-8 | Skip[Act]]]"
    )


@pytest.mark.parametrize("example", [name for name in LAYER_HELP if "…" not in name])
def test_every_example_of_a_layer_is_one(example: str) -> None:
    assert format_network(parse_network(example)) == example


def test_options_are_read_in_any_order_and_with_equals_signs() -> None:
    expected = (Conv(3, 3, 16, "same", 2, bias=False, l2=5e-4),)
    assert parse_network("conv-3x3x16(L2=0.0005, no bias, STRIDE 2,same)") == expected
    assert parse_network("Conv-3x3x16(same, stride 2, no bias, L2 5e-4)") == expected
    assert parse_network("MaxPool-3x3(stride 3)") == (MaxPool(3),)


def test_separators_and_brackets_inside_of_a_block_are_its_own() -> None:
    text = "Skip[Conv-3x3x4(same), ReLU\nConv-3x3x4(same, no bias) | Conv-1x1x4], FC-8"
    body = (Conv(3, 3, 4, "same"), Act("relu"), Conv(3, 3, 4, "same", bias=False))
    assert parse_network(text) == (Skip(body, (Conv(1, 1, 4),)), Dense(8))
