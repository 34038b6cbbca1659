"""Comparison of the network of a file with an architecture, layer by layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from engine.config.specs import Activation, NetworkSpec
from engine.networks.architectures import ARCHITECTURES
from engine.networks.description import SavedLayer, SavedNetwork, UnfitError
from engine.networks.layers import Act, AvgPool, Dense, Layer, MaxPool, Skip, flattened, replaced
from engine.networks.notation import format_network

AS_TRAINED = "as-trained"  # stands for what the file has
MAX_NAME = 30  # characters


def find_activation(found: Sequence[SavedLayer], name: str, expected: Sequence[Layer], setting: str) -> Activation:
    """Compare the layers of a file with those of an architecture.

    Args:
        found: the layers of the file.
        name: of the architecture.
        expected: its layers before the prediction layer.
        setting: activation of its layers ``Act``, or ``as-trained`` for that of the file.

    Returns:
        The activation of ``Act``.

    Raises:
        UnfitError: if a layer differs.
    """
    _check_ends(found)
    hidden = found[:-1]
    activation = setting if setting != AS_TRAINED else _first_activation(hidden, expected)
    difference = _difference(hidden, expected, activation)
    if difference is not None:
        layer, wanted = difference
        advice = f"set architecture={AS_TRAINED}"
        if layer is None:
            raise UnfitError(f"it has no layer where {name} has {_text(wanted)}", advice)
        there = f"{name} has {_text(wanted)} there" if wanted is not None else f"{name} has none there"
        if wanted == Act() and isinstance(layer.layer, Act):
            there = f"the first Act is {activation}"
            if setting != AS_TRAINED:
                there, advice = f"the setting activation is {setting}", f"set activation={AS_TRAINED}"
        raise UnfitError(f"its layer '{layer.name}' is {_text(layer.layer)}, and {there}", advice)
    return activation  # type: ignore[return-value]


def find_own_activation(network: SavedNetwork, setting: str) -> Activation:
    """Return the first activation of a file's network; ``setting``, unless ``as-trained``, must be that of all.

    Raises:
        UnfitError: if it is not.
    """
    expected = network.hidden if setting == AS_TRAINED else _with_activation(network.hidden, Act())
    return find_activation(network.layers, "it", expected, setting)


def own_architecture(network: SavedNetwork, name: str) -> str:
    """Return the architecture of a file's network: a built-in one, or it is written out, with a name like ``name``.

    Raises:
        UnfitError: if networks here can't have it.
    """
    _check_ends(network.layers)
    layers = network.hidden
    if len({layer for layer in flattened(layers) if isinstance(layer, Act)}) <= 1:
        configurable = _with_activation(layers, Act())
        for built_in, expected in ARCHITECTURES.items():
            if expected == configurable:
                return built_in
    name = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    if not name[:1].isalpha() or name in ARCHITECTURES:
        name = f"net_{name}"
    return f"{name[:MAX_NAME].rstrip('_')}[{network.notation}]"


def _check_ends(found: Sequence[SavedLayer]) -> None:
    """Check that there is something before the prediction layer, and that it has a bias as here.

    Raises:
        UnfitError: if it is not so.
    """
    *hidden, last = found
    if not hidden:
        raise UnfitError("it has no layer before its last one", "choose a network with at least one more")
    if isinstance(last.layer, Dense) and not last.layer.bias:
        raise UnfitError(f"its last layer '{last.name}' (Dense) has no bias, and that of networks here has one")


def _difference(
    found: Sequence[SavedLayer], expected: Sequence[Layer], activation: str
) -> tuple[SavedLayer | None, Layer | None] | None:
    """Return the first layer that differs and the one expected there, one of them None if it is missing."""
    for layer, wanted in zip_longest(found, expected):
        if layer is None or wanted is None:
            return layer, wanted
        if isinstance(wanted, Skip) and isinstance(layer.layer, Skip):
            inner = ((layer.body, wanted.body), (layer.shortcut, wanted.shortcut))
            difference = next(filter(None, (_difference(*pair, activation) for pair in inner)), None)
            if difference is not None:
                return difference
        elif layer.layer != _canonical(wanted, activation):
            return layer, wanted
    return None


def _canonical(layer: Layer, activation: str) -> Layer:
    """Return a layer of an architecture as one of a file would be."""
    if layer == Act():
        return Act(activation)  # type: ignore[arg-type]
    if isinstance(layer, MaxPool | AvgPool) and layer.stride == layer.size:
        return replace(layer, stride=None)
    return layer


def _first_activation(hidden: Sequence[SavedLayer], expected: Sequence[Layer]) -> str:
    """Return the activation that the file has at the first ``Act``, or else its first; any if there is none."""
    layers = list(flattened([each.layer for each in hidden]))
    pairs = zip(layers, flattened(expected), strict=False)
    at_act = (layer.name for layer, wanted in pairs if wanted == Act() and isinstance(layer, Act))
    first = (layer.name for layer in layers if isinstance(layer, Act))
    return str(next(at_act, None) or next(first, NetworkSpec().activation))


def _with_activation(layers: Sequence[Layer], activation: Act) -> tuple[Layer, ...]:
    """Return layers with ``activation`` in the place of every one."""
    return replaced(layers, lambda layer: activation if isinstance(layer, Act) else layer)


def _text(layer: Layer | None) -> str:
    return format_network([layer] if layer is not None else [])
