"""Figures as bytes, at the size they have on a page."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import matplotlib as mpl

from engine.analysis.figures import save_figure
from engine.exports.report.document import PAGE_INCHES, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SVG_BYTES = 300_000  # beyond, an image of pixels is smaller and scrolls faster
DOTS_PER_INCH = 170
PAD_INCHES = 0.06  # all that is left of a figure's empty margin


def png(picture: Picture) -> bytes:
    """The figure as PNG."""
    return _saved(_fitted(picture.figure), "png")


def data_uri(picture: Picture) -> str:
    """The figure as a ``data:`` address: SVG, its text as outlines, or PNG where that would be too large.

    As an image of its own it shares no names with other figures, and looks the same whichever fonts there are.
    """
    figure = _fitted(picture.figure)
    with mpl.rc_context({"svg.fonttype": "path"}):
        drawn = _saved(figure, "svg")
    if len(drawn) <= MAX_SVG_BYTES:
        return f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"
    return f"data:image/png;base64,{base64.b64encode(_saved(figure, 'png')).decode()}"


def _fitted(figure: Figure) -> Figure:
    """The figure, made smaller where it is wider than a page: its text then keeps its size."""
    width, height = figure.get_size_inches()
    if width > PAGE_INCHES:
        figure.set_size_inches(PAGE_INCHES, height * PAGE_INCHES / width)
    return figure


def _saved(figure: Figure, kind: str) -> bytes:
    file = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    save_figure(
        figure, file, format=kind, dpi=DOTS_PER_INCH, metadata=metadata, bbox_inches="tight", pad_inches=PAD_INCHES
    )
    return file.getvalue()
