"""Pages of A4 for a report, and the typography of their text, with fpdf2."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl
from fpdf import FPDF, TextStyle

# matplotlib brings it along; it has Greek, Cyrillic and the signs of mathematics.
FONT, FONT_FILES = "DejaVu", {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}


MARGIN = 18.0  # mm


BODY, SMALL, HEADING, SECTION, TITLE = 9.0, 7.5, 11.0, 15.0, 21.0  # points


TEXT, QUIET, ACCENT, OPEN, RULE, MARK = "#1c2430", "#5b6573", "#0b5fa5", "#8a5200", "#d9dee5", "#e8f1fa"


LINE = 1.5 * 25.4 / 72  # mm that a line takes for each point of its letters


FOOT = -12.0  # mm, from the bottom


class ReportPDF(FPDF):
    """Upright sheets with numbered pages, in a font that is embedded.

    Args:
        name: stands at the foot of each page and in the file's properties.
    """

    def __init__(self, name: str) -> None:
        super().__init__(format="A4")
        self._name = name
        fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
        for style, file in FONT_FILES.items():
            self.add_font(FONT, style, fonts / file)
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, MARGIN)
        self.set_title(name)
        self.set_lang("en")
        self.set_creator("Trainscope")
        title = TextStyle(FONT, "B", SECTION, TEXT, b_margin=1)
        self.set_section_title_styles(title, TextStyle(FONT, "B", HEADING, TEXT, t_margin=5, b_margin=1.5))
        self.add_page()
        self.use_font()

    def footer(self) -> None:
        """Name and page number; fpdf2 calls it."""
        self.set_y(FOOT)
        self.use_font(SMALL, QUIET)
        self.cell(self.epw / 2, 5, self._name)
        self.cell(self.epw / 2, 5, f"{self.page_no()} / {{nb}}", align="R")

    def use_font(self, size: float = BODY, colour: str = TEXT, style: str = "") -> None:
        """Choose letters: points, #RRGGBB, ``B`` for bold."""
        self.set_font(FONT, style, size)
        self.set_text_color(colour)

    def write_paragraph(
        self,
        text: str,
        size: float = BODY,
        colour: str = TEXT,
        *,
        style: str = "",
        indent: float = 0.0,
        link: int | None = None,
    ) -> None:
        """A paragraph of its own lines, ``indent`` mm from the margin."""
        self.use_font(size, colour, style)
        self.set_x(self.l_margin + indent)
        self.multi_cell(
            self.epw - indent, LINE * size, nonbreaking(text), align="L", link=link, new_x="LMARGIN", new_y="NEXT"
        )
        self.use_font()

    def reserve(self, height: float) -> None:
        """Begin a new page unless ``height`` mm are left on this one."""
        if self.will_page_break(height):
            self.add_page()


# Before a unit, and on both sides of a sign that joins two numbers.
_GAPS = re.compile(r"(?<=\d) (?=%|±|ms\b|s\b|points\b|nats\b|times\b)|(?<=±) | (?==)|(?<==) |(?<=p <) |(?<=p) (?=<)")


_NO_BREAK = "\u00a0"


def nonbreaking(text: str) -> str:
    """``text`` whose numbers stay with their units and signs: ``93.4 ± 0.5 %``, ``n = 3``."""
    return _GAPS.sub(_NO_BREAK, text)
