"""The layers of a described network, in the form that networks have here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import StrEnum, auto
from typing import Any

from engine.networks.architectures import summarize_layers
from engine.networks.description.graph import Chain, Node, Sum, find_chain, read_graph
from engine.networks.description.saved import SavedLayer, SavedNetwork, UnfitError
from engine.networks.description.settings import KNOWN, layers_of, training_settings
from engine.networks.layers import Act, BatchNorm, Dense, Dropout, Layer, LayerNorm, Shape, Skip, flattened
from engine.networks.notation import format_network, parse_network
from engine.utils.errors import NetworkError

MAX_OUTPUTS = 2**30  # values per image and layer


class _Form(StrEnum):
    """The form of a layer's output in the file; ``FLATTENED`` is still an image here, as dense layers flatten it."""

    IMAGE = auto()
    MATRIX = auto()
    FLATTENED = auto()
    VECTOR = auto()


def read_description(description: Any) -> SavedNetwork:
    """Read the parsed ``config.json`` of a .keras file.

    Raises:
        UnfitError: naming the layer that nothing here does the same as.
    """
    graph = read_graph(description, KNOWN)
    shape = _input_shape(graph.nodes[0])
    reader = _Reader()
    form = (_Form.FLATTENED, _Form.MATRIX, _Form.IMAGE)[len(shape) - 1]
    layers, _ = reader.layers(find_chain(graph), form)
    last = layers[-1] if layers else None
    if last is None or not isinstance(last.layer, Dense):
        found = "it has no layer that is trained"
        if last is not None:
            found = f"its last layer '{last.name}' is {format_network([last.layer])}"
        raise UnfitError(f"{found}, and networks here end with a Dense layer, or the softmax of one")
    if last.layer.l2:
        reader.training_only.append(f"{last.name} (kernel_regularizer)")
        layers[-1] = replace(last, layer=replace(last.layer, l2=0.0))
    saved = SavedNetwork(shape, tuple(layers), reader.softmax is not None, tuple(reader.training_only))
    _check_size(saved)
    return saved


def _input_shape(node: Node) -> Shape:
    match node.kind, node.config:
        case "InputLayer", {"batch_shape": [_, *shape], "dtype": dtype}:
            if not 1 <= len(shape) <= 3 or not all(isinstance(size, int) and size > 0 for size in shape):
                raise UnfitError(f"its input '{node.name}' has no fixed size of images")
            if dtype != "float32":
                raise UnfitError(
                    f"its input '{node.name}' takes {dtype}, and images here are float32",
                    "save the network with an input of float32, and choose the normalization it was trained with",
                )
            return tuple(shape)
    raise UnfitError("it does not say what shape its images have", "call it on images once and save it again")


class _Reader:
    """Reads the layers of chains.

    Attributes:
        softmax: name of the layer that has one, at the end.
        training_only: as in ``SavedNetwork``.
    """

    def __init__(self) -> None:
        self.softmax: str | None = None
        self.training_only: list[str] = []

    def layers(self, chain: Chain, form: _Form) -> tuple[list[SavedLayer], _Form]:
        """Return the layers of a chain whose input has ``form``, and the form of its output."""
        found: list[SavedLayer] = []
        for item in chain:
            if isinstance(item, Sum):
                read, form = self._sum(item, form)
                found.append(read)
            else:
                found += self._layers_of(item, form)
                form = _next_form(item.kind, form)
        return found, form

    def _sum(self, item: Sum, form: _Form) -> tuple[SavedLayer, _Form]:
        self._check_no_softmax()
        (first, one), (second, other) = (self.layers(chain, form) for chain in (item.first, item.second))
        if one is not other:
            raise UnfitError(f"its layer {item.node.label} adds what is flattened to what is not")
        body, shortcut = (first, second) if _count(first) >= _count(second) else (second, first)
        if not body:
            raise UnfitError(f"its layer {item.node.label} adds a value to itself")
        skip = Skip(tuple(each.layer for each in body), tuple(each.layer for each in shortcut))
        return SavedLayer(item.node.name, skip, body=tuple(body), shortcut=tuple(shortcut)), one

    def _layers_of(self, node: Node, form: _Form) -> Iterator[SavedLayer]:
        found = layers_of(node)
        self.training_only += training_settings(node)
        for position, layer in enumerate(found):
            self._check_no_softmax()
            if isinstance(layer, str):
                self.softmax = node.name
                return
            if position == 0:
                _check_form(node, layer, form)
            if isinstance(layer, Dropout) and layer.rate == 0:
                continue  # does nothing, and has no notation
            yield SavedLayer(node.name, layer, node.place if position == 0 else "")

    def _check_no_softmax(self) -> None:
        if self.softmax is not None:
            raise UnfitError(f"its layer '{self.softmax}' has a softmax that is not at the end")


def _check_form(node: Node, layer: Layer, form: _Form) -> None:
    """Check that a layer does the same here to an input that has ``form`` in the file.

    Raises:
        UnfitError: if it does not.
    """
    match layer:
        case Act() | Dropout():
            return
        case Dense():
            if form in (_Form.IMAGE, _Form.MATRIX):
                raise UnfitError(
                    f"its layer {node.label} is applied to each pixel, as no Flatten or global pooling comes before it"
                )
        case BatchNorm() | LayerNorm():
            last = 3 if form is _Form.IMAGE else 1
            if form not in (_Form.IMAGE, _Form.VECTOR) or node.config.get("axis") not in (-1, last, [-1], [last]):
                raise UnfitError(f"its layer {node.label} normalises something other than the channels of an image")
        case _:
            if form is not _Form.IMAGE:
                raise UnfitError(f"its layer {node.label} is applied to something other than an image")


def _next_form(kind: str, form: _Form) -> _Form:
    match kind:
        case "Dense" | "GlobalAveragePooling2D":
            return _Form.VECTOR
        case "Flatten" if form is not _Form.VECTOR:
            return _Form.FLATTENED
    return form


def _count(layers: Sequence[SavedLayer]) -> int:
    return sum(1 for _ in flattened([each.layer for each in layers]))


def _check_size(saved: SavedNetwork) -> None:
    """Check that a network is within the limits of networks here, and is what its notation says.

    Raises:
        UnfitError: if it is not.
    """
    shape = (*saved.input_shape, 1) if len(saved.input_shape) == 2 else saved.input_shape
    try:
        if saved.hidden and parse_network(saved.notation) != saved.hidden:
            raise UnfitError("it has settings that can't be written here")
        summaries = summarize_layers(saved.hidden, shape, saved.classes)
    except NetworkError as error:
        raise UnfitError(str(error).rstrip(".")) from None
    if any(math.prod(each) > MAX_OUTPUTS for each in (shape, *(summary.output_shape for summary in summaries))):
        raise UnfitError("it has layers or images of impossible sizes")
