"""Matplotlib figures of networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from engine.analysis.blocks import NamedFigure
from engine.analysis.network_drawing import ON_WHITE, Box, Ink, Label, Mark, Paint, Polygon, Stroke, drawn
from engine.config.specs import RunSpec
from engine.networks.architectures import LayerSummary, architecture_name, summarize
from engine.networks.diagram import lay_out
from engine.networks.diagram.blocks import WIDTH
from engine.networks.diagram.layout import COLUMN_GAP, MARGIN
from engine.utils.errors import NetworkError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from engine.analysis.results import ExperimentResult

MAX_INCHES = 15.0  # of a picture on its own, whose fonts of 10 units are then of 10 points
# Two pictures of up to two columns stand side by side in a report; a wider one has the proportions of its page.
NARROW = 2 * WIDTH + COLUMN_GAP + 2 * MARGIN
NARROW_PROPORTION, PROPORTION = 1.15, 1.5
POINTS_PER_INCH = 72.0
TITLE_UNITS = 22.0


def network_figures(result: ExperimentResult, inches: float = MAX_INCHES) -> Iterator[NamedFigure]:
    """Draw each network that an experiment trains; those that this version can't build on the images are left out.

    Args:
        result: the experiment.
        inches: width of the widest picture, or of two short ones side by side.
    """
    runs = [run.run.spec for variant in result.variants for run in variant.runs]
    architectures = dict.fromkeys(spec.architecture for spec in runs if isinstance(spec, RunSpec))
    data = result.dataset
    for architecture in architectures:
        try:
            summaries = summarize(architecture, data.shape, len(data.class_names))
        except NetworkError:
            continue
        name = architecture_name(architecture)
        yield NamedFigure(
            f"network_{name}",
            network_figure(name, summaries, inches),
            f"Layers of {name}, with their outputs and parameters; a bar is the block's share of the parameters.",
        )


def network_figure(name: str, summaries: Sequence[LayerSummary], inches: float = MAX_INCHES) -> Figure:
    """Draw a network's layers, with a title that gives the number of its parameters; ``inches`` as above."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    diagram = lay_out(summaries, (NARROW_PROPORTION, 1.0))
    if diagram.width > NARROW:
        diagram = lay_out(summaries, (PROPORTION, 1.0))
    width, height = max(diagram.width, NARROW), diagram.height + TITLE_UNITS
    scale = inches / max(width, 2 * NARROW)  # inches per unit
    figure = Figure(figsize=(width * scale, height * scale))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(diagram.height, -TITLE_UNITS))
    axes.set_axis_off()
    # Empty room counts, so that the blocks of all pictures in a report have one size.
    axes.add_patch(Rectangle((0, -TITLE_UNITS), width, height, fill=False, ec="none"))
    points = scale * POINTS_PER_INCH
    title = f"{name}: {diagram.parameters:,} parameters"
    axes.text(MARGIN, -TITLE_UNITS / 3, title, size=11 * points, weight="bold", color=ON_WHITE[Ink.TEXT], va="center")
    for order, mark in enumerate(drawn(diagram)):
        _draw(axes, mark, points, order)
    return figure


def _draw(axes: Axes, mark: Mark, points: float, order: int) -> None:
    """Draw a mark; ``points`` is the size of a unit, ``order`` that of drawing."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import BoxStyle, Circle, FancyBboxPatch
    from matplotlib.patches import Polygon as Patch

    match mark:
        case Box(x, y, width, height, radius, fill, outline):
            style: dict[str, Any] = {
                "fc": _rgba(fill),
                "ec": _rgba(outline) if outline else "none",
                "lw": points,
                "zorder": order,
            }
            if width == height == 2 * radius:
                axes.add_patch(Circle((x + radius, y + radius), radius, **style))
            else:
                rounded = BoxStyle.Round(pad=0, rounding_size=radius)
                axes.add_patch(FancyBboxPatch((x, y), width, height, rounded, **style))
        case Polygon(corners, fill):
            axes.add_patch(Patch(corners, fc=_rgba(fill), ec="none", zorder=order))
        case Stroke(corners, paint, width):
            across, down = zip(*corners, strict=True)
            axes.add_line(Line2D(across, down, color=_rgba(paint), lw=width * points, zorder=order))
        case Label(x, y, text, size, ink, bold, align):
            look: dict[str, Any] = {"size": size * points, "weight": "bold" if bold else "normal", "zorder": order}
            axes.text(x, y, text, color=ON_WHITE[ink], ha=str(align), va="center_baseline", **look)


def _rgba(paint: Paint) -> tuple[str, float]:
    return ON_WHITE.get(Ink(paint.colour), "") if paint.colour in set(Ink) else paint.colour, paint.opacity
