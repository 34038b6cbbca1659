"""Export of figures as image files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.analysis.blocks import NamedFigure
from engine.config.export_formats import FIGURE_FORMATS, Format
from engine.exports.files import file_name
from engine.utils.files import atomic_path

# Without a date, so that the same results give identical files.
_METADATA = {Format.PNG: None, Format.SVG: {"Date": None}, Format.PDF: {"CreationDate": None}}


def write_figures(folder: Path, figures: Iterator[NamedFigure], formats: Sequence[Format]) -> Iterator[Path]:
    """Write each figure in those of ``formats`` that are image formats, and yield the files."""
    drawn = [each for each in FIGURE_FORMATS if each in formats]
    if not drawn:
        return  # without consuming the iterator, so that nothing is drawn
    from engine.analysis.figures import save_figure

    for name, figure, _caption in figures:
        for each in drawn:
            path = folder / f"{file_name(name)}.{each}"
            with atomic_path(path) as part:
                save_figure(figure, part, dpi=150, metadata=_METADATA[each])
            yield path
