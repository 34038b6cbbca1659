"""The homework's notation of networks: ``Conv-3x3x16, ReLU, MaxPool-2x2, FC-64(no bias)``.

``Conv-WxHxN`` gives width, height and number of output channels. ``Act`` stands for the activation of the settings. The
prediction layer is not written, as it follows from the number of classes. Where texts come from elsewhere, a semicolon,
``+``, an arrow and the end of a line separate layers as a comma does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.config.specs import Activation
from engine.networks.hints import explain
from engine.networks.layers import Act, Conv, Dense, Layer, MaxPool
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

MAX_LAYERS = 60
MAX_KERNEL_SIDE = 64
MAX_CHANNELS = 4096
MAX_UNITS = 65_536

_SEPARATOR = re.compile(r"\s*(?:[,;+→]|->)\s*|\s*\n\s*")
_CONV = re.compile(r"conv-(\d{1,30})x(\d{1,30})x(\d{1,30})")
_POOL = re.compile(r"maxpool-(\d{1,30})x(\d{1,30})")
_DENSE = re.compile(r"fc-(\d{1,30})(\(nobias\))?")
_NAME = re.compile(r"[A-Za-z]\w{0,39}", re.ASCII)
_ARCHITECTURE = re.compile(r"([^\[\]]*)(?:\[([^\[\]]*)\])?")
_ACTIVATIONS = {text.lower(): name for name, text in ACTIVATION_NAMES.items()} | {n: n for n in ACTIVATION_NAMES}


def parse_network(text: str) -> tuple[Layer, ...]:
    """Parse the layers of a network.

    Raises:
        NetworkError: with a sentence that names the wrong part.
    """
    pieces = _SEPARATOR.split(text.strip())
    if pieces == [""]:
        raise NetworkError(f"the network has no layer; write for example {EXAMPLE}.")
    if "" in pieces:
        raise NetworkError("a layer is missing before or after a comma.")
    if len(pieces) > MAX_LAYERS:
        raise NetworkError(f"the network has {len(pieces)} layers, and at most {MAX_LAYERS} are allowed.")
    return tuple(_layer(piece) for piece in pieces)


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


def _layer(piece: str) -> Layer:
    plain = re.sub(r"\s", "", piece).lower().replace("×", "x")
    if match := _CONV.fullmatch(plain):
        width, height, filters = map(int, match.groups())
        _check(piece, "side", max(width, height), MAX_KERNEL_SIDE, min(width, height))
        _check(piece, "number of channels", filters, MAX_CHANNELS)
        return Conv(height, width, filters)
    if match := _POOL.fullmatch(plain):
        width, height = map(int, match.groups())
        if width != height:
            raise NetworkError(f"'{piece}' is not square; pooling takes windows such as MaxPool-2x2.")
        _check(piece, "side", width, MAX_KERNEL_SIDE)
        return MaxPool(width)
    if match := _DENSE.fullmatch(plain):
        _check(piece, "number of units", int(match[1]), MAX_UNITS)
        return Dense(int(match[1]), bias=match[2] is None)
    if plain == CONFIGURABLE_ACTIVATION.lower():
        return Act()
    if plain in _ACTIVATIONS:
        return Act(_ACTIVATIONS[plain])
    if (hint := explain(piece)) is not None:
        raise NetworkError(f"'{piece}' is no layer: {hint}.")
    raise NetworkError(
        f"'{piece}' is no layer; there are Conv-3x3x16 (width, height, channels), MaxPool-2x2, FC-64, FC-64(no bias), "
        f"{', '.join(ACTIVATION_NAMES.values())} and {CONFIGURABLE_ACTIVATION}."
    )


def _check(piece: str, what: str, value: int, most: int, least: int | None = None) -> None:
    if (value if least is None else least) < 1 or value > most:
        raise NetworkError(f"the {what} in '{piece}' must be from 1 to {most}.")


def _text(layer: Layer) -> str:
    match layer:
        case Conv(height, width, filters):
            return f"Conv-{width}x{height}x{filters}"
        case MaxPool(size):
            return f"MaxPool-{size}x{size}"
        case Dense(units, bias):
            return f"FC-{units}" + ("" if bias else "(no bias)")
        case Act(name):
            return CONFIGURABLE_ACTIVATION if name is None else ACTIVATION_NAMES[name]
