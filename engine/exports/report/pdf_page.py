"""A4 pages of a report and their typography, with fpdf2."""

from __future__ import annotations

import logging
from collections.abc import Set
from pathlib import Path

import matplotlib as mpl
from fpdf import FPDF, TextStyle

from engine.exports.report.glyphs import find_font, missing_in, replace_missing
from engine.exports.report.typography import nonbreaking

# Shipped with matplotlib; covers Greek, Cyrillic and mathematical signs.
FALLBACK = "Fallback"
FONT, FONT_FILES = "DejaVu", {"": "DejaVuSans.ttf", "B": "DejaVuSans-Bold.ttf"}
BODY, SMALL, HEADING, SECTION, TITLE = 9.0, 7.5, 11.0, 15.0, 21.0  # points
TEXT, QUIET, ACCENT, OPEN, RULE, MARK = "#1c2430", "#5b6573", "#0b5fa5", "#8a5200", "#d9dee5", "#e8f1fa"

MARGIN = 18.0  # mm
LINE = 1.5 * 25.4 / 72  # mm of line height per point of font size
FOOT = -12.0  # mm, from the bottom

log = logging.getLogger(__name__)


class ReportPDF(FPDF):
    """A4 portrait document with numbered pages and an embedded font.

    Args:
        name: title in the footer of each page and in the file's metadata.
        characters: those of all texts to come.

    Attributes:
        missing: the characters that neither the embedded font nor one of this machine shows, replaced by boxes.
    """

    def __init__(self, name: str, characters: Set[str]) -> None:
        super().__init__(format="A4")
        self._name = name
        fonts = Path(mpl.get_data_path()) / "fonts" / "ttf"
        for style, file in FONT_FILES.items():
            self.add_font(FONT, style, fonts / file)
        self.missing = missing_in(fonts / FONT_FILES[""], characters)
        if self.missing and (font := find_font(self.missing)) is not None:
            self._use_fallback(font)
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, MARGIN)
        self.set_title(name)
        self.set_lang("en")
        self.set_creator("Trainscope")
        title = TextStyle(FONT, "B", SECTION, TEXT, b_margin=1)
        self.set_section_title_styles(title, TextStyle(FONT, "B", HEADING, TEXT, t_margin=5, b_margin=1.5))
        self.add_page()
        self.use_font()

    def _use_fallback(self, font: Path) -> None:
        """Show by ``font`` what the embedded one lacks."""
        try:
            self.add_font(FALLBACK, "", font)
        except Exception:  # fontTools raises almost anything for a font that it can't read
            log.info("%s can't be used in a PDF", font, exc_info=True)
            return
        self.set_fallback_fonts([FALLBACK], exact_match=False)
        self.missing = missing_in(font, self.missing)

    def normalize_text(self, text: str) -> str:
        """Return a text as it is shown; called by fpdf2 for every text on a page."""
        return replace_missing(super().normalize_text(text), self.missing)

    def footer(self) -> None:
        """Write title and page number; called by fpdf2."""
        self.set_y(FOOT)
        self.use_font(SMALL, QUIET)
        self.cell(self.epw / 2, 5, self._name)
        self.cell(self.epw / 2, 5, f"{self.page_no()} / {{nb}}", align="R")

    def use_font(self, size: float = BODY, colour: str = TEXT, style: str = "") -> None:
        """Set the font: size in points, colour #RRGGBB, style ``B`` for bold."""
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
        """Write a paragraph, ``indent`` mm from the margin."""
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
