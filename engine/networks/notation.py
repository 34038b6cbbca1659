"""The homework's notation of networks: ``Conv-3x3x16, ReLU, MaxPool-2x2, FC-64(no bias)``.

``Conv-WxHxN`` gives width, height and number of output channels. Whatever differs from a layer's defaults follows in
parentheses: ``Conv-3x3x16(same, stride 2)``. ``Skip[layers]`` adds its input to the output of its layers, and
``Skip[layers | shortcut]`` the output of the shortcut's layers. ``Act`` stands for the activation of the settings. The
prediction layer is not written, as it follows from the number of classes. Where texts come from elsewhere, a semicolon,
``+``, an arrow and the end of a line separate layers as a comma does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from engine.config.specs import Activation
from engine.networks.hints import explain
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
from engine.utils.errors import NetworkError

ACTIVATION_NAMES: dict[Activation, str] = {
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "elu": "ELU",
    "gelu": "GELU",
    "silu": "SiLU",
    "leaky_relu": "LeakyReLU",
}
CONFIGURABLE_ACTIVATION = "Act"
EXAMPLE = "Conv-3x3x16, ReLU, MaxPool-2x2, FC-64(no bias)"

# An example of each layer, and what it does.
LAYER_HELP: dict[str, str] = {
    "Conv-3x3x16": "Convolution: width x height of the kernels x number of output channels. Options: same (padded with "
    "zeros), stride 2, no bias, L2 0.0005 (penalty on the squared weights). Conv-1x1x16 mixes the channels of each "
    "pixel.",
    "DepthwiseConv-3x3": "Convolution of each channel with a kernel of its own; options as those of Conv.",
    "MaxPool-2x2": "Largest value of each window. Options: stride 1 (else windows lie side by side), same.",
    "AvgPool-2x2": "Mean of each window; options as those of MaxPool.",
    "GlobalAvgPool": "Mean of each channel over the whole image; takes the place of flattening.",
    "FC-64": "Fully connected layer with so many units; images are flattened before it. Options: no bias, L2 0.0005.",
    "BatchNorm": "Normalises each channel by mean and variance of the batch, then scales and shifts it; averages of "
    "these take their place where images are validated and tested. Options: momentum 0.9 (of the averages; 0.99), "
    "epsilon 1e-05 (0.001).",
    "LayerNorm": "Normalises the channels of each pixel, or the units, image by image. Option: epsilon 1e-05 (0.001).",
    "Dropout-0.5": "Sets this share of the values to 0 in each training step, so that none is relied upon.",
    "SpatialDropout-0.2": "Sets this share of the channels to 0 in each training step.",
    "Skip[…]": "Residual block: adds its input to the output of its layers. Skip[layers | shortcut] adds the output of "
    "the shortcut's layers instead, as is needed where size or channels change.",
    "ReLU": f"Activation; there are {', '.join(ACTIVATION_NAMES.values())}, and Act for the one of the settings.",
}

MAX_LAYERS = 300
MAX_DEPTH = 8  # of blocks in blocks
MAX_KERNEL_SIDE = 64
MAX_STRIDE = 64
MAX_CHANNELS = 4096
MAX_UNITS = 65_536
MAX_DROPOUT = 0.99  # training rounds it to 1/65,536, which would matter above

_SEPARATOR = re.compile(r"\s*(?:[,;+→]|->)\s*|\s*\n\s*")
_SPACES = re.compile(r"\s+")
_OPENING, _CLOSING = "([", ")]"
_LAYER = re.compile(r"([a-z]+)(?:-([\dx.e-]{1,100}))?(?:\(([^()]*)\))?")
_NUMBER = r"(\d{1,30})"
_SIZES = {count: re.compile("x".join([_NUMBER] * count)) for count in (1, 2, 3)}
_DECIMAL = re.compile(r"\d{0,20}\.?\d{1,20}(?:e-?\d{1,3})?")
_OPTION = re.compile(r"(l2|[a-z]+)[=:]?(\d{0,20}\.?\d{1,20}(?:e-?\d{1,3})?)?")
_SKIP = re.compile(r"skip\s*\[(.*)\]", re.DOTALL | re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z]\w{0,39}", re.ASCII)
_ARCHITECTURE = re.compile(r"([^\[\]]*)(?:\[(.*)\])?", re.DOTALL)
_ACTIVATIONS = {text.lower(): name for name, text in ACTIVATION_NAMES.items()} | {n: n for n in ACTIVATION_NAMES}


def parse_network(text: str) -> tuple[Layer, ...]:
    """Parse the layers of a network.

    Raises:
        NetworkError: with a sentence that names the wrong part.
    """
    _check_brackets(text)
    layers = _chain(text)
    if (count := sum(1 for _ in flattened(layers))) > MAX_LAYERS:
        raise NetworkError(f"the network has {count} layers, and at most {MAX_LAYERS} are allowed.")
    return layers


def format_network(layers: Sequence[Layer]) -> str:
    """Format layers in the notation that ``parse_network`` reads."""
    return ", ".join(_text(layer) for layer in layers)


def split_architecture(architecture: str) -> tuple[str, str | None]:
    """Split ``name[notation]`` into name and notation; the notation is None for a name alone.

    Raises:
        NetworkError: if the text is neither.
    """
    match = _ARCHITECTURE.fullmatch(architecture.strip())
    if match is None or not _NAME.fullmatch(match[1].strip()):
        name = architecture.partition("[")[0][:40]
        raise NetworkError(
            f"'{name}' is no name of an architecture: a name is letters, digits and _, and layers follow it in square "
            "brackets, as in small[Conv-3x3x16, ReLU]."
        )
    return match[1].strip(), match[2]


def check_name(name: str) -> None:
    """Check the name of an architecture, without layers.

    Raises:
        NetworkError: with a sentence, if it is none.
    """
    if not _NAME.fullmatch(name):
        raise NetworkError(f"'{name[:40]}' is no name of an architecture: a name is letters, digits and _.")


def _check_brackets(text: str) -> None:
    """Check that brackets are balanced, and not too deep.

    Raises:
        NetworkError: if they are not.
    """
    expected: list[str] = []
    depth = 0  # of blocks alone: parentheses, which hold options, are no block
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter in _OPENING:
            expected.append(_CLOSING[_OPENING.index(letter)])
        elif letter in _CLOSING and (not expected or expected.pop() != letter):
            raise NetworkError(f"a '{letter}' closes nothing; remove it, or open it before.")
        if depth > MAX_DEPTH:
            raise NetworkError(f"blocks in blocks may be {MAX_DEPTH} deep, and these are deeper.")
    if expected:
        raise NetworkError(f"a '{expected[-1]}' is missing at the end.")


def _chain(text: str) -> tuple[Layer, ...]:
    pieces = list(_pieces(text.strip()))
    if pieces == [""]:
        raise NetworkError(f"the network has no layer; write for example {EXAMPLE}.")
    if "" in pieces:
        raise NetworkError("a layer is missing before or after a comma.")
    return tuple(_layer(piece) for piece in pieces)


def _pieces(text: str, separator: re.Pattern[str] = _SEPARATOR) -> Iterator[str]:
    """Split a text at the separators outside of brackets."""
    start = depth = position = 0
    while position < len(text):
        letter = text[position]
        depth += (letter in _OPENING) - (letter in _CLOSING)
        if depth == 0 and (match := separator.match(text, position)):
            yield text[start:position]
            start = position = match.end()
        else:  # a separator's own spaces were looked for, from the first of them on
            spaces = _SPACES.match(text, position)
            position = spaces.end() if spaces else position + 1
    yield text[start:]


def _layer(piece: str) -> Layer:
    if match := _SKIP.fullmatch(piece):
        return _skip(match[1])
    plain = re.sub(r"\s", "", piece).lower().replace("×", "x")
    if plain == CONFIGURABLE_ACTIVATION.lower():
        return Act()
    if plain in _ACTIVATIONS:
        return Act(_ACTIVATIONS[plain])
    match = _LAYER.fullmatch(plain)
    if match and match[1] in _READERS and (layer := _READERS[match[1]](piece, match[2] or "", match[3])) is not None:
        return layer
    if (hint := explain(piece)) is not None:
        raise NetworkError(f"'{piece}' is no layer: {hint}.")
    sized, *others = (name for name in LAYER_HELP if name != "ReLU")
    raise NetworkError(
        f"'{piece}' is no layer; there are {sized} (width, height, channels), {', '.join(others)}, "
        f"{', '.join(ACTIVATION_NAMES.values())} and {CONFIGURABLE_ACTIVATION}."
    )


def _skip(text: str) -> Skip:
    sides = list(_pieces(text, re.compile(r"\s*\|\s*")))
    if len(sides) > 2:
        raise NetworkError("a block has one bar, between its layers and its shortcut: Skip[layers | shortcut].")
    if not all(side.strip() for side in sides):
        raise NetworkError(
            "a block needs layers, and a shortcut after its bar: Skip[layers], or Skip[layers | shortcut]."
        )
    return Skip(*(_chain(side) for side in sides))


# Readers of one kind of layer each; they return None if the size is not written as that layer's is.


def _read_conv(piece: str, size: str, options: str | None) -> Layer | None:
    if not (match := _SIZES[3].fullmatch(size)):
        return None
    width, height, filters = map(int, match.groups())
    _check(piece, "side", max(width, height), MAX_KERNEL_SIDE, min(width, height))
    _check(piece, "number of channels", filters, MAX_CHANNELS)
    return Conv(height, width, filters, **_options(piece, options, "same", "stride", "nobias", "l2"))


def _read_depthwise(piece: str, size: str, options: str | None) -> Layer | None:
    if not (match := _SIZES[2].fullmatch(size)):
        return None
    width, height = map(int, match.groups())
    _check(piece, "side", max(width, height), MAX_KERNEL_SIDE, min(width, height))
    return DepthwiseConv(height, width, **_options(piece, options, "same", "stride", "nobias", "l2"))


def _pool_reader(kind: type[MaxPool | AvgPool]) -> Callable[[str, str, str | None], Layer | None]:
    def read(piece: str, size: str, options: str | None) -> Layer | None:
        if not (match := _SIZES[2].fullmatch(size)):
            return None
        width, height = map(int, match.groups())
        if width != height:
            raise NetworkError(f"'{piece}' is not square; pooling takes windows such as {kind.__name__}-2x2.")
        _check(piece, "side", width, MAX_KERNEL_SIDE)
        found = _options(piece, options, "same", "stride")
        if found.get("stride") == width:
            del found["stride"]
        return kind(width, **found)

    return read


def _read_dense(piece: str, size: str, options: str | None) -> Layer | None:
    if not (match := _SIZES[1].fullmatch(size)):
        return None
    _check(piece, "number of units", int(match[1]), MAX_UNITS)
    return Dense(int(match[1]), **_options(piece, options, "nobias", "l2"))


def _dropout_reader(kind: type[Dropout | SpatialDropout]) -> Callable[[str, str, str | None], Layer | None]:
    def read(piece: str, size: str, options: str | None) -> Layer | None:
        if not _DECIMAL.fullmatch(size) or options is not None:
            return None
        if not 0 < (rate := float(size)) <= MAX_DROPOUT:
            raise NetworkError(f"the share in '{piece}' must be above 0 and at most {MAX_DROPOUT}.")
        return kind(rate)

    return read


def _plain_reader(kind: type[Layer], *allowed: str) -> Callable[[str, str, str | None], Layer | None]:
    def read(piece: str, size: str, options: str | None) -> Layer | None:
        return None if size or (options is not None and not allowed) else kind(**_options(piece, options, *allowed))

    return read


_READERS: dict[str, Callable[[str, str, str | None], Layer | None]] = {
    "conv": _read_conv,
    "depthwiseconv": _read_depthwise,
    "maxpool": _pool_reader(MaxPool),
    "avgpool": _pool_reader(AvgPool),
    "globalavgpool": _plain_reader(GlobalAvgPool),
    "fc": _read_dense,
    "batchnorm": _plain_reader(BatchNorm, "momentum", "epsilon"),
    "layernorm": _plain_reader(LayerNorm, "epsilon"),
    "dropout": _dropout_reader(Dropout),
    "spatialdropout": _dropout_reader(SpatialDropout),
}
# What an option sets, and the bounds of its number.
_OPTIONS: dict[str, tuple[str, Any, float, float]] = {
    "same": ("padding", "same", 0, 0),
    "stride": ("stride", int, 1, MAX_STRIDE),
    "nobias": ("bias", False, 0, 0),
    "l2": ("l2", float, 1e-12, 1000),
    "momentum": ("momentum", float, 0, 0.999999),
    "epsilon": ("epsilon", float, 1e-12, 1),
}
_OPTION_EXAMPLES = {
    "same": "same",
    "stride": "stride 2",
    "nobias": "no bias",
    "l2": "L2 0.0005",
    "momentum": "momentum 0.9",
    "epsilon": "epsilon 1e-05",
}


def _options(piece: str, text: str | None, *allowed: str) -> dict[str, Any]:
    """Return the arguments of a layer that its options in parentheses stand for.

    Raises:
        NetworkError: if one is unknown, twice there, or has an impossible number.
    """
    found: dict[str, Any] = {}
    for each in [] if text is None else text.split(","):
        if not each and text:
            raise NetworkError(f"an option of '{piece}' is missing before or after a comma.")
        match = _OPTION.fullmatch(each)
        name = match[1] if match else ""
        known = name if name in allowed else ""
        if not match or not known or (match[2] is None) == isinstance(_OPTIONS[known][1], type):
            options = ", ".join(_OPTION_EXAMPLES[option] for option in allowed)
            raise NetworkError(f"'{each}' is no option of '{piece}'; there are {options}.")
        key, value, least, most = _OPTIONS[known]
        if key in found:
            raise NetworkError(f"'{piece}' has the option '{each}' twice.")
        if isinstance(value, type):
            number = float(match[2])
            if not least <= number <= most or (value is int and number != int(number)):
                raise NetworkError(f"the {known} in '{piece}' must be from {least:g} to {most:g}.")
            value = value(number)
        found[key] = value
    return found


def _check(piece: str, what: str, value: int, most: int, least: int | None = None) -> None:
    if (value if least is None else least) < 1 or value > most:
        raise NetworkError(f"the {what} in '{piece}' must be from 1 to {most}.")


def _text(layer: Layer) -> str:
    match layer:
        case Act(activation):
            return CONFIGURABLE_ACTIVATION if activation is None else ACTIVATION_NAMES[activation]
        case Skip(body, shortcut):
            sides = [format_network(body), *([format_network(shortcut)] if shortcut else [])]
            return f"Skip[{' | '.join(sides)}]"
    name = "FC" if isinstance(layer, Dense) else type(layer).__name__
    return "-".join([name, *_size(layer)]) + _written_options(layer)


def _size(layer: Layer) -> Iterator[str]:
    """Yield what stands after a layer's name and a hyphen, if anything does."""
    match layer:
        case Conv(height, width, filters):
            yield f"{width}x{height}x{filters}"
        case DepthwiseConv(height, width):
            yield f"{width}x{height}"
        case MaxPool(size) | AvgPool(size):
            yield f"{size}x{size}"
        case Dense(units):
            yield f"{units}"
        case Dropout(rate) | SpatialDropout(rate):
            yield f"{rate!r}"


def _written_options(layer: Layer) -> str:
    """Return the options that differ from the defaults, in parentheses; empty if none does."""
    written = []
    for name, (key, value, *_) in _OPTIONS.items():
        default = getattr(type(layer), key, None)  # that of the dataclass
        actual = getattr(layer, key, default)
        if actual == default:
            continue
        text = _OPTION_EXAMPLES[name]
        written.append(f"{text.partition(' ')[0]} {actual!r}" if isinstance(value, type) else text)
    return f"({', '.join(written)})" if written else ""
