"""Data model of a report, the input of the renderers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from engine.analysis.blocks import Facts, Paragraph, Table
from engine.analysis.claims import Claim

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE_INCHES = 9.4  # width up to which a figure's text is legible on a page


@dataclass(frozen=True)
class Picture:
    """A figure, rendered when the file is written, with its caption."""

    kind: ClassVar[str] = "picture"
    name: str
    caption: str
    figure: Figure

    @property
    def share(self) -> float:
        """Fraction of the page width that the figure takes; 1 from ``PAGE_INCHES`` on."""
        return min(1.0, float(self.figure.get_size_inches()[0]) / PAGE_INCHES)

    @property
    def is_narrow(self) -> bool:
        """Whether two such figures fit side by side."""
        width, height = self.figure.get_size_inches()
        return bool(width / height < 1.2)


@dataclass(frozen=True)
class Gallery:
    """Narrow pictures, two per row."""

    kind: ClassVar[str] = "gallery"
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Claims:
    """Claims, one sentence each."""

    kind: ClassVar[str] = "claims"
    claims: tuple[Claim, ...]


Block = Paragraph | Table | Facts | Picture | Gallery | Claims


@dataclass(frozen=True)
class ReportPart:
    """A part of a section, with its heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Section:
    """The section of one experiment; ``anchor`` is the target of links to it."""

    anchor: str
    title: str
    subtitle: str
    parts: tuple[ReportPart, ...]
    headlines: tuple[Claim, ...]


@dataclass(frozen=True)
class Document:
    """A whole report; ``closing`` explains how to read its numbers."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    closing: tuple[Paragraph, ...]
