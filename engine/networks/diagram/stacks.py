"""Grouping of a network's layers for its picture.

A layer and the normalisation, activation and dropout that follow it form a stack, which is drawn as one block; equal
neighbours are drawn once, with their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.networks.architectures import LayerSummary
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


class Kind(StrEnum):
    """What a layer does, which decides its colour."""

    INPUT = "input"
    CONVOLUTION = "convolution"
    POOLING = "pooling"
    DENSE = "fully connected"
    NORMALIZATION = "normalisation"
    ACTIVATION = "activation"
    DROPOUT = "dropout"


KINDS: dict[type[Layer], Kind] = {
    Conv: Kind.CONVOLUTION,
    DepthwiseConv: Kind.CONVOLUTION,
    MaxPool: Kind.POOLING,
    AvgPool: Kind.POOLING,
    GlobalAvgPool: Kind.POOLING,
    Dense: Kind.DENSE,
    BatchNorm: Kind.NORMALIZATION,
    LayerNorm: Kind.NORMALIZATION,
    Act: Kind.ACTIVATION,
    Dropout: Kind.DROPOUT,
    SpatialDropout: Kind.DROPOUT,
}
# What is drawn in the block of the layer before it; none of these changes the shape.
ATTACHED = frozenset({Kind.NORMALIZATION, Kind.ACTIVATION, Kind.DROPOUT})


@dataclass(frozen=True)
class Stack:
    """A layer and what is attached to it, drawn as one block.

    Attributes:
        layers: first to last.
        repeats: how many equal stacks in a row this one stands for.
    """

    layers: tuple[LayerSummary, ...]
    repeats: int = 1

    @property
    def kind(self) -> Kind:
        """That of the first layer."""
        return KINDS[type(self.layers[0].layer)]

    @property
    def is_attachment(self) -> bool:
        """Whether it only has layers that are otherwise attached to others, as at the beginning of a network."""
        return self.kind in ATTACHED

    @property
    def parameters(self) -> int:
        """Number of parameters of one of the repeats."""
        return sum(layer.parameters for layer in self.layers)

    def is_like(self, other: Item) -> bool:
        """Whether the other one differs in the names of layers and the number of repeats at most."""
        return isinstance(other, Stack) and _plain(self.layers) == _plain(other.layers)


@dataclass(frozen=True)
class Residual:
    """A residual block: two branches and their sum.

    Attributes:
        body: the layers on the main path.
        shortcut: those of the connection around them; empty if it hands on its input.
        total: the sum.
        after: what is attached to the sum; None if nothing is.
        repeats: how many equal blocks in a row this one stands for.
    """

    body: tuple[Item, ...]
    shortcut: tuple[Item, ...]
    total: LayerSummary
    after: Stack | None = None
    repeats: int = 1

    @property
    def branches(self) -> tuple[tuple[Item, ...], tuple[Item, ...], tuple[Item, ...]]:
        """The body, the shortcut, and what is attached to the sum."""
        return self.body, self.shortcut, () if self.after is None else (self.after,)

    @property
    def parameters(self) -> int:
        """Number of parameters of one of the repeats."""
        return sum(item.parameters * item.repeats for branch in self.branches for item in branch)

    def is_like(self, other: Item) -> bool:
        """Whether the other one differs in the names of layers and the number of repeats at most."""
        if not isinstance(other, Residual) or _plain((self.total,)) != _plain((other.total,)):
            return False
        pairs = zip(self.branches, other.branches, strict=True)
        return all(_are_alike(ours, theirs) for ours, theirs in pairs)


Item = Stack | Residual


def stack_layers(summaries: Sequence[LayerSummary]) -> tuple[Item, ...]:
    """Group the layers of a network, in the order of ``summarize_layers``."""
    items: list[Item] = []
    for entry in _nest(summaries):
        if isinstance(entry, Residual):
            items.append(entry)
        elif KINDS[type(entry.layer)] in ATTACHED and items:
            items[-1] = _attach(items[-1], entry)
        else:
            items.append(Stack((entry,)))
    return _merge_repeats(items)


def _nest(summaries: Sequence[LayerSummary]) -> list[LayerSummary | Residual]:
    """Undo the flattening of residual blocks: each sum stands behind the layers of its two branches."""
    entries: list[LayerSummary | Residual] = []
    end = len(summaries)
    while end:
        end -= 1
        summary = summaries[end]
        if not isinstance(summary.layer, Skip):
            entries.append(summary)
            continue
        middle = end - _count(summary.layer.shortcut)
        start = middle - _count(summary.layer.body)
        entries.append(Residual(stack_layers(summaries[start:middle]), stack_layers(summaries[middle:end]), summary))
        end = start
    return entries[::-1]


def _count(layers: Sequence[Layer]) -> int:
    return sum(1 for _ in flattened(layers))


def _attach(item: Item, summary: LayerSummary) -> Item:
    if isinstance(item, Stack):
        return replace(item, layers=(*item.layers, summary))
    attached = item.after.layers if item.after is not None else ()
    return replace(item, after=Stack((*attached, summary)))


def _merge_repeats(items: Sequence[Item]) -> tuple[Item, ...]:
    merged: list[Item] = []
    for item in items:
        if merged and merged[-1].is_like(item):
            merged[-1] = replace(merged[-1], repeats=merged[-1].repeats + 1)
        else:
            merged.append(item)
    return tuple(merged)


def _are_alike(ours: Sequence[Item], theirs: Sequence[Item]) -> bool:
    if len(ours) != len(theirs):
        return False
    pairs = zip(ours, theirs, strict=True)
    return all(one.is_like(other) and one.repeats == other.repeats for one, other in pairs)


def _plain(layers: Sequence[LayerSummary]) -> tuple[object, ...]:
    return tuple((layer.layer, layer.input_shape, layer.output_shape) for layer in layers)
