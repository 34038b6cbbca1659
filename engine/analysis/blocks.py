"""Blocks that an experiment contributes to a report: text, tables and figures as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Paragraph:
    """A few sentences; a ``quiet`` paragraph is small and grey."""

    kind: ClassVar[str] = "paragraph"
    text: str
    quiet: bool = False


@dataclass(frozen=True)
class TableColumn:
    """A column of a table: heading, whether it is numeric (right-aligned), and relative width."""

    title: str
    numeric: bool = False
    width: int = 2


@dataclass(frozen=True)
class Table:
    """Rows of text, one entry per column; the rows at the positions in ``marked`` are highlighted."""

    kind: ClassVar[str] = "table"
    title: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and values, one pair per line."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]


class NamedFigure(NamedTuple):
    """A figure, its file name without suffix, and its caption in a report."""

    name: str
    figure: Figure
    caption: str
