"""What a network's picture consists of. Lengths are in units of a 10-unit font, y grows downwards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import wrap

from engine.networks.architectures import PREDICTION_LAYER, LayerSummary
from engine.networks.diagram.stacks import KINDS, Kind, Stack
from engine.networks.layers import Dense, Shape
from engine.networks.notation import format_network

WIDTH = 236.0  # of a block
PAD = 6.0  # within a block, above and below
TITLE_LINE, LINE, OPTION_LINE = 15.0, 14.0, 12.0  # heights
OPTION_CHARACTERS = 32  # of a line
BAR = 7.0  # the strip that shows the share of the parameters, with what is free above it
SHAPE_LINE = 13.0  # the shape in writing below its solid
SLIM_PAD = 3.0  # of a block without a solid

SIDE = 30.0  # of the input image
LEAST_SIDE = 3.0
DEPTH_OF_TWICE = 1.5  # how much deeper a solid of twice the channels is
UNITS_HEIGHT, UNITS_WIDTH = 3.6, 5.0  # height of a vector for twice the units

Point = tuple[float, float]


@dataclass(frozen=True)
class Solid:
    """An output drawn as a solid: the image in proportion to the input, the channels as logarithm."""

    width: float
    height: float
    depth: float

    @classmethod
    def of(cls, shape: Shape, input_shape: Shape) -> Solid:
        """Return the solid of an image, or the bar of a vector."""
        if len(shape) != 3:
            return cls(UNITS_WIDTH, UNITS_HEIGHT * max(1.0, math.log2(shape[-1] + 1)), 0.0)
        scale = SIDE / max(input_shape[:2])
        height, width, channels = shape
        depth = DEPTH_OF_TWICE * (1 + math.log2(channels))
        return cls(max(LEAST_SIDE, width * scale), max(LEAST_SIDE, height * scale), depth)


@dataclass(frozen=True)
class Row:
    """A layer within a block.

    Attributes:
        title: as in the notation, without options.
        options: in the notation, and of how many values a dense layer is.
        parameters: number of parameters.
        kind: decides its colour.
        tip: name of the layer, its input and output, and the formula of its parameters.
    """

    title: str
    options: str
    parameters: int
    kind: Kind
    tip: str

    @property
    def option_lines(self) -> list[str]:
        """The options in as many lines as the block's width takes."""
        return wrap(self.options, OPTION_CHARACTERS)

    @property
    def height(self) -> float:
        """Height of a row that is not the first."""
        return LINE + OPTION_LINE * len(self.option_lines)

    @classmethod
    def of(cls, summary: LayerSummary) -> Row:
        """Describe a layer."""
        text, _, options = format_network([summary.layer]).partition("(")
        notes = [options.removesuffix(")")] if options else []
        if isinstance(summary.layer, Dense) and len(summary.input_shape) > 1:
            notes.append(f"on {'·'.join(map(str, summary.input_shape))} = {math.prod(summary.input_shape):,} values")
        if summary.name == PREDICTION_LAYER:
            notes.append("prediction layer")
        tip = f"{summary.name}: {format_shape(summary.input_shape)} → {format_shape(summary.output_shape)}"
        if summary.parameters:
            tip += f", {summary.formula} = {summary.parameters:,} parameters"
        return cls(text, ", ".join(notes), summary.parameters, KINDS[type(summary.layer)], tip)


@dataclass(frozen=True)
class Block:
    """A stack of layers.

    Attributes:
        rows: first to last.
        shape: of the output; None where it is that of the block before.
        solid: the output's; None without a shape.
        share: of all parameters of the network, those of all blocks together that it stands for.
        repeats: how many equal blocks in a row it stands for.
        x: left edge.
        y: upper edge.
    """

    rows: tuple[Row, ...]
    shape: Shape | None
    solid: Solid | None
    share: float = 0.0
    repeats: int = 1
    x: float = 0.0
    y: float = 0.0

    @property
    def kind(self) -> Kind:
        """That of its first layer."""
        return self.rows[0].kind

    @property
    def pad(self) -> float:
        """What is free above and below the rows."""
        return PAD if self.solid is not None else SLIM_PAD

    @property
    def height(self) -> float:
        """That of the rows or of the solid."""
        rows = TITLE_LINE - LINE + sum(row.height for row in self.rows) + (BAR if self.share else 0.0)
        solid = self.solid.height + self.solid.depth / 2 + SHAPE_LINE if self.solid is not None else 0.0
        return max(rows, solid) + 2 * self.pad

    @property
    def tip(self) -> str:
        """What is to be known of its layers, a line each."""
        return "\n".join(row.tip for row in self.rows)

    def placed_rows(self) -> Iterator[tuple[float, Row]]:
        """Yield the rows with the middle of the line of each one's title."""
        y = self.y + self.pad
        for position, row in enumerate(self.rows):
            yield y + (LINE if position else TITLE_LINE) / 2, row
            y += row.height + (0 if position else TITLE_LINE - LINE)

    @classmethod
    def of(cls, stack: Stack, input_shape: Shape, share: float) -> Block:
        """Describe a stack of a network with this input; ``share`` is that of each of its parameters."""
        shape = stack.layers[-1].output_shape if not stack.is_attachment else None
        return cls(
            tuple(Row.of(layer) for layer in stack.layers),
            shape,
            Solid.of(shape, input_shape) if shape is not None else None,
            stack.parameters * share,
            stack.repeats,
        )

    @classmethod
    def of_input(cls, shape: Shape) -> Block:
        """Describe the image."""
        height, width, channels = shape
        tip = f"Images of {width}x{height} pixels, {channels} channel{'s' if channels > 1 else ''}"
        return cls((Row("Input", "", 0, Kind.INPUT, tip),), shape, Solid.of(shape, shape))


@dataclass(frozen=True)
class Line:
    """A connection; ``skip`` if it leads around layers, ``arrow`` if it has one at its end."""

    points: tuple[Point, ...]
    skip: bool = False
    arrow: bool = True


@dataclass(frozen=True)
class Frame:
    """What belongs to a residual block, or to several equal ones, with a title that says so, and their parameters."""

    x: float
    y: float
    width: float
    height: float
    title: str
    parameters: str


@dataclass
class Diagram:
    """The picture of a network; ``sums`` are the centres of the circles at which branches are added."""

    parameters: int
    width: float = 0.0
    height: float = 0.0
    blocks: list[Block] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    sums: list[Point] = field(default_factory=list)


def format_shape(shape: Shape) -> str:
    """Return ``32x32x3``."""
    return "x".join(map(str, shape))
