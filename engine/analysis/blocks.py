"""Text, tables and figures that an experiment gives to a report, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Paragraph:
    """A few sentences; a ``quiet`` one steps back."""

    kind: ClassVar[str] = "paragraph"
    text: str
    quiet: bool = False


@dataclass(frozen=True)
class TableColumn:
    """A column of a table: its heading, whether it holds numbers, and its share of the width."""

    title: str
    numeric: bool = False
    width: int = 2


@dataclass(frozen=True)
class Table:
    """Rows of text, one entry a column. Those at the positions in ``marked`` stand out."""

    kind: ClassVar[str] = "table"
    title: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and values, one pair a line."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]


class NamedFigure(NamedTuple):
    """A figure, the name of its file without suffix, and the caption below it in a report."""

    name: str
    figure: Figure
    caption: str
