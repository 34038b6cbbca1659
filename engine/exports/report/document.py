"""A report as data, from which each renderer makes its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from engine.analysis.blocks import Facts, Paragraph, Table
from engine.analysis.claims import Claim

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PAGE_INCHES = 9.4  # of a figure no wider, the text can be read on a sheet


@dataclass(frozen=True)
class Picture:
    """A figure that is drawn when the file is written, and what it shows."""

    kind: ClassVar[str] = "picture"
    name: str
    caption: str
    figure: Figure

    @property
    def share(self) -> float:
        """Of a page's width: a figure as wide as :data:`PAGE_INCHES`, or wider, takes all of it."""
        return min(1.0, float(self.figure.get_size_inches()[0]) / PAGE_INCHES)

    @property
    def is_narrow(self) -> bool:
        """Whether two of its kind fit side by side."""
        width, height = self.figure.get_size_inches()
        return bool(width / height < 1.2)


@dataclass(frozen=True)
class Gallery:
    """Narrow pictures, two a row."""

    kind: ClassVar[str] = "gallery"
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Claims:
    """What the measurements support, one sentence each."""

    kind: ClassVar[str] = "claims"
    claims: tuple[Claim, ...]


Block = Paragraph | Table | Facts | Picture | Gallery | Claims


@dataclass(frozen=True)
class ReportPart:
    """A headed piece of a section."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Section:
    """One experiment. ``anchor`` names it for links; ``subtitle`` says in a few words what was run."""

    anchor: str
    title: str
    subtitle: str
    parts: tuple[ReportPart, ...]
    headlines: tuple[Claim, ...]


@dataclass(frozen=True)
class Document:
    """The whole report; ``closing`` says how its figures are to be read."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    closing: tuple[Paragraph, ...]
