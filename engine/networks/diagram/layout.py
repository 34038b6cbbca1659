"""Positions of the blocks and lines of a network's picture.

Layers follow one another from top to bottom, in as many columns as fit the proportions asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from engine.networks.architectures import LayerSummary
from engine.networks.diagram.blocks import WIDTH, Block, Diagram, Frame, Line, Point
from engine.networks.diagram.stacks import Item, Residual, Stack, stack_layers
from engine.networks.layers import Shape

GAP = 16.0  # between blocks
FRAME_PAD = 12.0  # between a frame and what is in it
FRAME_TITLE = 14.0
LANE = 20.0  # from a block to the connection around it
SUM_RADIUS = 8.0
COLUMN_GAP = 44.0
MARGIN = 12.0
BISECTIONS = 20


@dataclass(frozen=True)
class _Extent:
    """How far something reaches from the vertical line that data flow along, and its height."""

    left: float
    right: float
    height: float


class _Part(Protocol):
    """Something with one entry, above, and one exit, below."""

    @property
    def extent(self) -> _Extent:
        """Its size."""

    def place(self, diagram: Diagram, x: float, y: float) -> None:
        """Add it to the diagram, with its entry at ``x``, ``y``."""


class _Single:
    """A block."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self.extent = _Extent(WIDTH / 2, WIDTH / 2, block.height)

    def place(self, diagram: Diagram, x: float, y: float) -> None:
        diagram.blocks.append(replace(self._block, x=x - WIDTH / 2, y=y))


class _Chain:
    """Parts one below the other."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self.parts = parts
        extents = [part.extent for part in parts]
        self.extent = _Extent(
            max((extent.left for extent in extents), default=0.0),
            max((extent.right for extent in extents), default=0.0),
            sum(extent.height for extent in extents) + GAP * max(len(parts) - 1, 0),
        )

    def place(self, diagram: Diagram, x: float, y: float) -> None:
        for position, part in enumerate(self.parts):
            if position:
                diagram.lines.append(Line(((x, y - GAP), (x, y))))
            part.place(diagram, x, y)
            y += part.extent.height + GAP


class _Branching:
    """A residual block in its frame: the body, the connection around it at its right, and their sum."""

    def __init__(self, body: _Chain, shortcut: _Chain, after: _Chain, residual: Residual) -> None:
        self._body, self._shortcut, self._after, self._residual = body, shortcut, after, residual
        self._lane = body.extent.right + LANE + shortcut.extent.left
        right = max(self._lane + shortcut.extent.right, after.extent.right) + FRAME_PAD
        self._fork = FRAME_TITLE + GAP / 2
        self._sum = self._fork + GAP + max(body.extent.height, shortcut.extent.height) + GAP + SUM_RADIUS
        self._exit = self._sum + SUM_RADIUS + (GAP + after.extent.height if after.parts else 0.0)
        left = max(body.extent.left, after.extent.left) + FRAME_PAD
        self.extent = _Extent(left, right, self._exit + FRAME_PAD)

    def place(self, diagram: Diagram, x: float, y: float) -> None:
        width = self.extent.left + self.extent.right
        diagram.frames.append(Frame(x - self.extent.left, y, width, self.extent.height, *_titles(self._residual)))
        top, total = y + self._fork + GAP, y + self._sum
        bottom = top + self._body.extent.height
        diagram.lines.append(Line(((x, y), (x, top))))
        self._body.place(diagram, x, top)
        diagram.lines.append(Line(((x, bottom), (x, total - SUM_RADIUS))))
        self._place_shortcut(diagram, x, y + self._fork, total)
        diagram.sums.append((x, total))
        below = y + self._exit
        if self._after.parts:
            after = total + SUM_RADIUS + GAP
            diagram.lines.append(Line(((x, total + SUM_RADIUS), (x, after))))
            self._after.place(diagram, x, after)
        diagram.lines.append(Line(((x, below), (x, y + self.extent.height)), arrow=False))

    def _place_shortcut(self, diagram: Diagram, x: float, fork: float, total: float) -> None:
        lane, entry = x + self._lane, (x + SUM_RADIUS, total)
        if not self._shortcut.parts:
            diagram.lines.append(Line(((x, fork), (lane, fork), (lane, total), entry), skip=True))
            return
        top = fork + GAP
        bottom = top + self._shortcut.extent.height
        diagram.lines.append(Line(((x, fork), (lane, fork), (lane, top)), skip=True))
        self._shortcut.place(diagram, lane, top)
        diagram.lines.append(Line(((lane, bottom), (lane, total), entry), skip=True))


def lay_out(summaries: Sequence[LayerSummary], room: tuple[float, float], least: float = 0.0) -> Diagram:
    """Arrange the layers of a network so that its picture fits an area as large as possible.

    Args:
        summaries: as ``summarize_layers`` returns them.
        room: width and height of the area, in any unit.
        least: the smallest scale, units of ``room`` per unit of the picture, at which it is legible. If it would be
            smaller, it is made too high for the area, but not too wide.
    """
    input_shape = summaries[0].input_shape
    diagram = Diagram(sum(layer.parameters for layer in summaries))
    items = stack_layers(summaries)
    parts = [_Single(Block.of_input(input_shape)), *_parts(items, input_shape, 1 / max(diagram.parameters, 1))]
    _place_columns(diagram, [_Chain(column) for column in _columns(parts, room, least)])
    return diagram


def _parts(items: Sequence[Item], input_shape: Shape, share: float) -> list[_Part]:
    """Return the parts of a branch, of whose parameters each is this share of all, as it may stand for several."""
    return [_part(item, input_shape, share * item.repeats) for item in items]


def _part(item: Item, input_shape: Shape, share: float) -> _Part:
    if isinstance(item, Stack):
        return _Single(Block.of(item, input_shape, share))
    body, shortcut, after = (_Chain(_parts(branch, input_shape, share)) for branch in item.branches)
    return _Branching(body, shortcut, after, item)


def _titles(residual: Residual) -> tuple[str, str]:
    count, parameters = residual.repeats, f"{residual.parameters:,} parameters"
    return (f"{count} × this block", f"{parameters} each") if count > 1 else ("Residual block", parameters)


def _columns(parts: Sequence[_Part], room: tuple[float, float], least: float) -> list[list[_Part]]:
    """Break a chain into as many columns as make the picture largest."""
    best, largest = [list(parts)], 0.0
    fitting = best
    for count in range(1, len(parts) + 1):
        columns = _evenly_filled(parts, count)
        extents = [_Chain(column).extent for column in columns]
        width = sum(each.left + each.right for each in extents) + COLUMN_GAP * (len(columns) - 1) + 2 * MARGIN
        height = max(each.height for each in extents) + 2 * MARGIN
        if width * least <= room[0]:
            fitting = columns
        scale = min(room[0] / width, room[1] / height)
        if scale > largest:
            best, largest = columns, scale
        elif room[0] / width < largest:
            break  # more columns would only be wider
    return best if largest >= least else fitting


def _evenly_filled(parts: Sequence[_Part], count: int) -> list[list[_Part]]:
    """Fill at most this number of columns so that the highest is as low as possible."""
    low, high = max(part.extent.height for part in parts), _Chain(parts).extent.height
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(parts, middle)) <= count else (middle, high)
    return _filled(parts, high)


def _filled(parts: Sequence[_Part], height: float) -> list[list[_Part]]:
    """Fill columns of at most this height one after the other."""
    columns: list[list[_Part]] = [[]]
    y = 0.0
    for part in parts:
        if columns[-1] and y + part.extent.height > height:
            columns.append([])
            y = 0.0
        columns[-1].append(part)
        y += part.extent.height + GAP
    return columns


def _place_columns(diagram: Diagram, columns: Sequence[_Chain]) -> None:
    """Place columns side by side, and connect the end of each with the beginning of the next."""
    right = MARGIN
    axes: list[float] = []
    for column in columns:
        axes.append(right + column.extent.left)
        column.place(diagram, axes[-1], MARGIN)
        right = axes[-1] + column.extent.right + COLUMN_GAP
    for position, (start, end) in enumerate(pairwise(axes)):
        bottom = MARGIN + columns[position].extent.height
        between = end - columns[position + 1].extent.left - COLUMN_GAP / 2
        points: tuple[Point, ...] = (
            *((start, bottom), (start, bottom + MARGIN / 2), (between, bottom + MARGIN / 2)),
            *((between, MARGIN / 2), (end, MARGIN / 2), (end, MARGIN)),
        )
        diagram.lines.append(Line(points))
    diagram.width = right - COLUMN_GAP + MARGIN
    diagram.height = max(column.extent.height for column in columns) + 2 * MARGIN
