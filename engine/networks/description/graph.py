"""The graph of the layers that a .keras file describes, and its form as chains with residual blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.networks.description.saved import KNOWN_LAYERS, UnfitError
from engine.networks.notation import MAX_DEPTH

MAX_DESCRIBED = 1000  # layers
MAX_NAME = 200  # characters of a layer's name, which is shown

ADD = "Add"
INPUT = "InputLayer"

_MODULES = {"keras.layers"}
_SUMS = {"keras.src.ops.numpy", "keras.ops.numpy"}  # a + b
# Keras numbers the layers of each class in their order, whatever they are called: ``layers/dense``, ….
_PLACES = {
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "Dense": "dense",
    "BatchNormalization": "batch_normalization",
    "LayerNormalization": "layer_normalization",
}
_INSTEAD = dict.fromkeys(
    ("Rescaling", "Normalization"),
    "save the network without that layer and choose the normalization that does the same",
)


@dataclass(frozen=True)
class Node:
    """A described layer.

    Attributes:
        name: its name in the file.
        kind: its class.
        config: its settings.
        place: of its weights in the file; empty if it has none.
        sources: names of the layers whose outputs it takes.
        is_frozen: whether it is called with ``training=False``.
    """

    name: str
    kind: str
    config: Mapping[str, Any]
    place: str
    sources: tuple[str, ...]
    is_frozen: bool

    @property
    def label(self) -> str:
        """Name and class, for a sentence."""
        return f"'{self.name}' ({self.kind})"


@dataclass(frozen=True)
class Sum:
    """An Add, and what leads to its two inputs from the layer at which they part."""

    node: Node
    first: Chain
    second: Chain


Chain = tuple["Node | Sum", ...]


@dataclass(frozen=True)
class Graph:
    """Layers in an order in which each comes after its sources; the first is the input.

    Attributes:
        output: name of the layer whose output is that of the network.
    """

    nodes: tuple[Node, ...]
    output: str


def read_graph(description: Any, known: set[str]) -> Graph:
    """Return the layers of a parsed ``config.json``.

    Raises:
        UnfitError: if a layer is not among ``known`` classes, or what leads to it is not described.
    """
    match description:
        case {"class_name": "Sequential", "config": {"layers": [_, _, *_] as layers}}:
            checked = _checked(layers, known)
            names = [each["config"]["name"] for each in checked]
            nodes = _nodes(checked, [(), *((name,) for name in names[:-1])], [False] * len(names))
            _check_sources(nodes)
            return Graph(nodes, names[-1])
        case {"class_name": "Functional", "config": {"layers": [_, _, *_] as layers} as config}:
            return _functional(_checked(layers, known), config)
        case {"class_name": str(name)}:
            raise UnfitError(f"it is a {name}, and only a Sequential or functional model can be read")
    raise UnfitError("it describes no network")


def find_chain(graph: Graph) -> Chain:
    """Return the layers after the input as a chain in which whatever lies between a fork and its Add is a ``Sum``.

    Raises:
        UnfitError: if the graph is not of that form.
    """
    finder = _ChainFinder(graph)
    chain = finder.chain(graph.nodes[0].name, graph.output, 0)
    for node in graph.nodes[1:]:
        if node.name not in finder.visited:
            raise UnfitError(f"its layer {node.label} has an output that is not used")
    return chain


class _ChainFinder:
    """Follows a graph from its output back to its input; no layer may be met twice."""

    def __init__(self, graph: Graph) -> None:
        self._nodes = {node.name: node for node in graph.nodes}
        self._forks = _dominators(graph.nodes)
        self.visited: set[str] = set()

    def chain(self, start: str, end: str, depth: int) -> Chain:
        """Return what leads from the output of layer ``start`` to that of ``end``.

        Raises:
            UnfitError: if a layer is met twice, or sums are nested too deep.
        """
        if depth > MAX_DEPTH:
            raise UnfitError(f"its layers Add are nested more than {MAX_DEPTH} deep")
        found: list[Node | Sum] = []
        while end != start:
            node = self._nodes[end]
            if end in self.visited:
                raise UnfitError(
                    f"its layer {node.label} has an output that is used in several places, and here only the input of "
                    "a block that ends with an Add is"
                )
            self.visited.add(end)
            if node.kind == ADD:
                end = self._forks[end]
                first, second = (self.chain(end, source, depth + 1) for source in node.sources)
                found.append(Sum(node, first, second))
            else:
                found.append(node)
                (end,) = node.sources
        return tuple(reversed(found))


def _dominators(nodes: Sequence[Node]) -> dict[str, str]:
    """Return for each layer the nearest one that all paths to it pass: its immediate dominator.

    K. Cooper, T. Harvey and K. Kennedy, "A Simple, Fast Dominance Algorithm", 2001; without loops one pass is enough.
    """
    first, *others = nodes
    depths, found = {first.name: 0}, {first.name: first.name}
    for node in others:
        one, other = node.sources[0], node.sources[-1]
        while one != other:
            if depths[one] >= depths[other]:
                one = found[one]
            else:
                other = found[other]
        found[node.name], depths[node.name] = one, depths[one] + 1
    return found


def _functional(layers: Sequence[dict[str, Any]], config: Mapping[str, Any]) -> Graph:
    """Return the layers of a functional model.

    Raises:
        UnfitError: if it has other than one input and one output.
    """
    calls = [_call_of(each) for each in layers]
    nodes = _nodes(layers, [sources for sources, _ in calls], [is_frozen for _, is_frozen in calls])
    inputs = [node for node in nodes if node.kind == INPUT]
    if len(inputs) != 1 or _names_in(config.get("input_layers")) != [nodes[0].name] or nodes[0] != inputs[0]:
        raise UnfitError("it has not one input")
    outputs = _names_in(config.get("output_layers"))
    if len(outputs) != 1 or outputs[0] not in {node.name for node in nodes}:
        raise UnfitError("it has not one output")
    _check_sources(nodes)
    return Graph(nodes, outputs[0])


def _check_sources(nodes: Sequence[Node]) -> None:
    """Check that an Add has two inputs and any other layer one, each the output of a layer before it.

    Raises:
        UnfitError: if one has others.
    """
    known = {nodes[0].name}
    for node in nodes[1:]:
        wanted = 2 if node.kind == ADD else 1
        if len(node.sources) != wanted or not known.issuperset(node.sources):
            whose = "of two layers" if wanted == 2 else "of one layer"
            raise UnfitError(f"its layer {node.label} has other inputs than the output {whose} before it")
        known.add(node.name)


def _nodes(
    layers: Sequence[dict[str, Any]], sources: Sequence[tuple[str, ...]], frozen: Sequence[bool]
) -> tuple[Node, ...]:
    counts: Counter[str] = Counter()
    nodes = []
    for each, taken, is_frozen in zip(layers, sources, frozen, strict=True):
        kind, config, place = each["class_name"], each["config"], ""
        if kind in _PLACES:
            number = f"_{counts[kind]}" if counts[kind] else ""
            place = f"layers/{_PLACES[kind]}{number}"
            counts[kind] += 1
        nodes.append(Node(config["name"], kind, config, place, taken, is_frozen))
    return tuple(nodes)


def _checked(layers: Sequence[Any], known: set[str]) -> list[dict[str, Any]]:
    """Check that layers are described as Keras describes them, and of known classes.

    Raises:
        UnfitError: if one is not.
    """
    if len(layers) > MAX_DESCRIBED:
        raise UnfitError(f"it has {len(layers)} layers, and at most {MAX_DESCRIBED} are read")
    names: set[str] = set()
    for each in layers:
        match each:
            case {"module": str(module), "class_name": str(kind), "config": {"name": str(name)}} if (
                max(len(name), len(kind)) <= MAX_NAME and (name + kind).isprintable()
            ):
                is_known = (module in _MODULES and kind in known) or (module in _SUMS and kind == ADD)
                if not is_known and not (module in _MODULES and kind == INPUT):
                    raise UnfitError(
                        f"its layer '{name}' ({kind}) is of a kind that networks here do not have",
                        _INSTEAD.get(kind, f"choose a network of {KNOWN_LAYERS} alone"),
                    )
                if name in names:
                    raise UnfitError(f"it has two layers named '{name}'")
                names.add(name)
            case _:
                raise UnfitError("its layers are not described as Keras describes them")
    return list(layers)


def _call_of(described: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    """Return the sources of a layer of a functional model, and whether it is called with ``training=False``.

    Raises:
        UnfitError: if it is called twice, or with other values than outputs of layers.
    """
    match described.get("inbound_nodes"):
        case []:
            return (), False
        case [{"args": args, "kwargs": dict(keywords)}]:
            others = [value for key, value in keywords.items() if (key, value) != ("training", False)]
            return (*_names_in(args), *_names_in(others)), keywords.get("training") is False
        case [dict(), dict(), *_]:
            raise UnfitError(f"its layer '{described['config']['name']}' is used more than once")
    raise UnfitError("its layers are not described as Keras describes them")


def _names_in(history: Any) -> list[str]:
    """Return the names of the layers whose outputs are referred to, one for each reference.

    Raises:
        UnfitError: if there are values other than those outputs, such as ``training=True``.
    """
    match history:
        case None | []:
            return []
        case [str(name), 0, 0]:
            return [name]
        case {"class_name": "__keras_tensor__", "config": {"keras_history": found}}:
            return _names_in(found)
        case [*items]:
            return [name for item in items for name in _names_in(item)]
    raise UnfitError("its layers have inputs other than the outputs of layers before")
