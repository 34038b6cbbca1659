"""The stored experiments of the tests of reports, and access to a report's parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from engine.exports.report.document import Document, ReportPart, Section, Table
from engine.storage.store import Store

RATES = {"cnn_4/0.1": [None, 0.6], "cnn_4/0.01": [0.9, 0.91], "cnn_4/0.001": [0.5, 0.51], "range_test": [None]}
ARCHITECTURES = {"mlp_1": [0.95, 0.955], "cnn_3": [0.80, 0.82]}
TITLE, NOTES = "My <first> & best", "Ran at night.\n\nA second paragraph."


@dataclass(frozen=True)
class Stored:
    """A store with four experiments: their numbers."""

    store: Store
    rates: int
    architectures: int
    basics: int
    convolution: int

    @property
    def all(self) -> list[int]:
        return [self.rates, self.architectures, self.basics, self.convolution]


@dataclass
class Page(HTMLParser):
    """What an HTML file holds."""

    text: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def section(document: Document, number: int) -> Section:
    return next(each for each in document.sections if each.anchor == f"experiment-{number}")


def part(document: Document, number: int, title: str) -> ReportPart:
    return next(each for each in section(document, number).parts if each.title == title)


def table(document: Document, number: int, title: str) -> Table:
    return next(block for block in part(document, number, title).blocks if isinstance(block, Table))
