"""A network's picture as rectangles, polygons, lines and labels, which the window and matplotlib draw alike.

The grammar follows figures of publications (K. He et al., 2015; A. Bäuerle et al., "Net2Vis", 2019): outputs are
solids, as high and wide as the image and as deep as there are channels; layers that belong together are one block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from engine.analysis.styles import COLOURS
from engine.networks.diagram import Block, Diagram, Kind
from engine.networks.diagram.blocks import OPTION_LINE, TITLE_LINE, WIDTH, Row, Solid, format_shape
from engine.networks.diagram.layout import FRAME_PAD, FRAME_TITLE, SUM_RADIUS


class Ink(StrEnum):
    """Colours that depend on the background."""

    TEXT = "text"
    MUTED = "muted"
    LINE = "line"
    CARD = "card"
    FRAME = "frame"


class Align(StrEnum):
    """Which point of a label its position is."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclass(frozen=True)
class Paint:
    """An ``Ink`` or a colour #RRGGBB, and how opaque it is."""

    colour: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Box:
    """A rectangle with rounded corners."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: Paint
    outline: Paint | None = None


@dataclass(frozen=True)
class Polygon:
    """A filled area."""

    points: tuple[tuple[float, float], ...]
    fill: Paint


@dataclass(frozen=True)
class Stroke:
    """A line of this width."""

    points: tuple[tuple[float, float], ...]
    paint: Paint
    width: float


@dataclass(frozen=True)
class Label:
    """A text of one line; ``y`` is its middle, ``size`` that of the font."""

    x: float
    y: float
    text: str
    size: float
    ink: Ink = Ink.TEXT
    bold: bool = False
    align: Align = Align.LEFT


Mark = Box | Polygon | Stroke | Label

_BLUE, _ORANGE, _GREEN, _VERMILLION, _PURPLE, _SKY = COLOURS
COLOUR_OF: dict[Kind, str] = {
    Kind.INPUT: Ink.MUTED,
    Kind.CONVOLUTION: _BLUE,
    Kind.POOLING: _VERMILLION,
    Kind.DENSE: _ORANGE,
    Kind.NORMALIZATION: _GREEN,
    Kind.ACTIVATION: _SKY,
    Kind.DROPOUT: _PURPLE,
}
TITLE_SIZE, SIZE, SMALL_SIZE = 10.5, 10.0, 8.5
RADIUS = 5.0
SOLID_CELL = 64.0  # left part of a block, with the solid and the shape
EDGE = 8.0  # from the texts of a block to its sides
ON_WHITE = {Ink.TEXT: "#1c2430", Ink.MUTED: "#5a6270", Ink.LINE: "#8a929e", Ink.CARD: "#ffffff", Ink.FRAME: "#f0f2f5"}
BULLET = 5.0
BULLET_CELL = 10.0
BAR_HEIGHT = 3.0
FRONT, TOP, SIDE = 0.9, 0.6, 0.42  # opacity of the faces of a solid
ARROW_LENGTH, ARROW_WIDTH = 6.0, 6.0
FLOW_WIDTH, SKIP_WIDTH = 1.2, 1.8


def drawn(diagram: Diagram) -> Iterator[Mark]:
    """Yield what the picture consists of, from back to front."""
    for frame in diagram.frames:
        yield Box(frame.x, frame.y, frame.width, frame.height, RADIUS, Paint(Ink.FRAME), Paint(Ink.LINE, 0.6))
        left, right, y = frame.x + FRAME_PAD, frame.x + frame.width - FRAME_PAD, frame.y + FRAME_TITLE / 2 + 2
        yield Label(left, y, frame.title, SMALL_SIZE, bold=True)
        yield Label(right, y, frame.parameters, SMALL_SIZE, Ink.MUTED, align=Align.RIGHT)
    for line in diagram.lines:
        paint = Paint(Ink.TEXT if line.skip else Ink.LINE)
        yield Stroke(line.points, paint, SKIP_WIDTH if line.skip else FLOW_WIDTH)
        if line.arrow:
            yield _arrow(line.points[-2], line.points[-1], paint)
    for x, y in diagram.sums:
        radius, arm = SUM_RADIUS, SUM_RADIUS / 2
        yield Box(x - radius, y - radius, 2 * radius, 2 * radius, radius, Paint(Ink.CARD), Paint(Ink.TEXT))
        yield Stroke(((x - arm, y), (x + arm, y)), Paint(Ink.TEXT), FLOW_WIDTH)
        yield Stroke(((x, y - arm), (x, y + arm)), Paint(Ink.TEXT), FLOW_WIDTH)
    for block in diagram.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[Mark]:
    yield Box(block.x, block.y, WIDTH, block.height, RADIUS, Paint(Ink.CARD), Paint(Ink.LINE))
    left, right = block.x + EDGE, block.x + WIDTH - EDGE
    if block.solid is not None and block.shape is not None:
        left = block.x + SOLID_CELL
        yield from _solid(block.solid, block.x + SOLID_CELL / 2, block, COLOUR_OF[block.kind])
        shape = format_shape(block.shape)
        base = block.y + block.height - block.pad - SMALL_SIZE / 2
        yield Label(block.x + SOLID_CELL / 2, base, shape, SMALL_SIZE, align=Align.CENTER)
    for position, (y, row) in enumerate(block.placed_rows()):
        yield from _row(row, left, right, y, main=position == 0 and block.solid is not None)
    if block.repeats > 1:
        yield from _repeats(block)
    if block.share:
        y = block.y + block.height - block.pad - BAR_HEIGHT
        colour = COLOUR_OF[block.kind]
        yield Box(left, y, right - left, BAR_HEIGHT, BAR_HEIGHT / 2, Paint(Ink.LINE, 0.25))
        yield Box(left, y, max(BAR_HEIGHT, (right - left) * block.share), BAR_HEIGHT, BAR_HEIGHT / 2, Paint(colour))


def _row(row: Row, left: float, right: float, y: float, main: bool) -> Iterator[Mark]:
    """Yield a layer's name, options and number of parameters; a small square where the solid does not tell its kind."""
    if not main:
        yield Box(left, y - BULLET / 2, BULLET, BULLET, 1.0, Paint(COLOUR_OF[row.kind]))
    text = left if main else left + BULLET_CELL
    yield Label(text, y, row.title, TITLE_SIZE if main else SIZE, bold=main)
    if row.parameters:
        yield Label(right, y, f"{row.parameters:,}", SIZE if main else SMALL_SIZE, align=Align.RIGHT)
    below = y + (TITLE_LINE if main else OPTION_LINE + 1) / 2 + OPTION_LINE / 2 - 1
    for number, line in enumerate(row.option_lines):
        yield Label(text, below + number * OPTION_LINE, line, SMALL_SIZE, Ink.MUTED)


def _repeats(block: Block) -> Iterator[Mark]:
    """Yield how many equal blocks this one stands for, on its upper edge."""
    width, height = 30.0, 14.0
    x, y = block.x + WIDTH / 2 + width / 2, block.y - height / 2
    yield Box(x, y, width, height, height / 2, Paint(Ink.CARD), Paint(Ink.LINE))
    yield Label(x + width / 2, y + height / 2, f"× {block.repeats}", SMALL_SIZE, bold=True, align=Align.CENTER)


def _solid(solid: Solid, x: float, block: Block, colour: str) -> Iterator[Mark]:
    """Yield the faces of a solid in the middle of the space above the shape."""
    room = block.height - 2 * block.pad - SMALL_SIZE - 4
    rise = solid.depth / 2
    left = x - (solid.width + solid.depth) / 2
    top = block.y + block.pad + (room - solid.height + rise) / 2
    right, bottom = left + solid.width, top + solid.height
    yield Polygon(((left, top), (right, top), (right, bottom), (left, bottom)), Paint(colour, FRONT))
    if solid.depth:
        depth = solid.depth
        yield Polygon(
            ((left, top), (left + depth, top - rise), (right + depth, top - rise), (right, top)), Paint(colour, TOP)
        )
        yield Polygon(
            ((right, top), (right + depth, top - rise), (right + depth, bottom - rise), (right, bottom)),
            Paint(colour, SIDE),
        )


def _arrow(start: tuple[float, float], end: tuple[float, float], paint: Paint) -> Polygon:
    """Return the arrowhead of a horizontal or vertical line."""
    across, down = end[0] - start[0], end[1] - start[1]
    length = abs(across) + abs(down)
    across, down = across / length * ARROW_LENGTH, down / length * ARROW_LENGTH
    half = ARROW_WIDTH / ARROW_LENGTH / 2
    base = (end[0] - across, end[1] - down)
    sides = [(base[0] + sign * down * half, base[1] + sign * across * half) for sign in (1, -1)]
    return Polygon((end, *sides), paint)
