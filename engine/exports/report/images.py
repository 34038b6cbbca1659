"""Rendering of figures at page size, as PNG or data URI."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import matplotlib as mpl

from engine.analysis.figures import save_figure
from engine.exports.report.document import PAGE_INCHES, Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SVG_BYTES = 300_000  # a larger file is replaced by PNG, which is smaller and scrolls faster
DOTS_PER_INCH = 170
PAD_INCHES = 0.06  # margin left around a figure


def png(picture: Picture) -> bytes:
    """Render a picture as PNG."""
    return _render(_fit_to_page(picture.figure), "png")


def data_uri(picture: Picture) -> str:
    """Render a picture as a ``data:`` URI: SVG with text as outlines, or PNG if that would be too large.

    As a separate image it shares no identifiers with other figures, and looks the same whichever fonts are installed.
    """
    figure = _fit_to_page(picture.figure)
    with mpl.rc_context({"svg.fonttype": "path"}):
        svg = _render(figure, "svg")
    if len(svg) <= MAX_SVG_BYTES:
        return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return f"data:image/png;base64,{base64.b64encode(_render(figure, 'png')).decode()}"


def _fit_to_page(figure: Figure) -> Figure:
    """Resize a figure that is wider than a page; its text keeps its size."""
    width, height = figure.get_size_inches()
    if width > PAGE_INCHES:
        figure.set_size_inches(PAGE_INCHES, height * PAGE_INCHES / width)
    return figure


def _render(figure: Figure, kind: str) -> bytes:
    file = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    save_figure(
        figure, file, format=kind, dpi=DOTS_PER_INCH, metadata=metadata, bbox_inches="tight", pad_inches=PAD_INCHES
    )
    return file.getvalue()
