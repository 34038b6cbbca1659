"""A report as PDF: no tool but fpdf2, the font embedded, its sections in the outline."""

from __future__ import annotations

import io
from collections.abc import Sequence

from fpdf import FontFace
from fpdf.enums import TableBordersLayout
from PIL import Image

from engine.analysis.blocks import Facts, Paragraph, Table
from engine.analysis.claims import Claim
from engine.exports.report.document import Block, Claims, Document, Gallery, Picture, Section
from engine.exports.report.images import png
from engine.exports.report.pdf_page import (
    ACCENT,
    BODY,
    LINE,
    MARK,
    OPEN,
    QUIET,
    RULE,
    SECTION,
    SMALL,
    TEXT,
    TITLE,
    Sheets,
    tied,
)

GAP = 3.0  # mm
TALLEST = 120.0  # mm that a figure takes at most, so that two fit on a page
HEADING_ROOM = 30.0  # mm that a heading and the first lines under it take: no heading stands alone
ROW = 1.6 + LINE * SMALL  # mm that a row of a table takes, with its padding
MOST_TABLE = 150.0  # mm: a higher table goes over two pages
NAMES = 1, 5  # shares of the width that names and values of facts have
PAIR_SHARE = 0.48  # of the width, for each of two pictures side by side
CLAIM_INDENT = 4.0  # mm
TOO_LITTLE = "too little to tell"


def render_pdf(document: Document) -> bytes:
    """The file's contents."""
    sheets = Sheets(document.title)
    links = [int(sheets.add_link()) for _ in document.sections]
    sheets.say(document.title, TITLE, style="B")
    sheets.say(document.subtitle, BODY, QUIET)
    sheets.ln(GAP)
    sheets.say("What was found", SECTION, style="B")
    for section, link in zip(document.sections, links, strict=True):
        _summary(sheets, section, link)
    for section, link in zip(document.sections, links, strict=True):
        _section(sheets, section, link)
    sheets.ln(2 * GAP)
    for paragraph in document.closing:
        _paragraph(sheets, paragraph)
    return bytes(sheets.output() or b"")


def _summary(sheets: Sheets, section: Section, link: int) -> None:
    sheets.keep(HEADING_ROOM / 2)
    sheets.ln(GAP)
    sheets.say(section.title, BODY + 1, ACCENT, style="B", link=link)
    sheets.say(section.line, SMALL, QUIET)
    for claim in section.headlines:
        _claim(sheets, claim)
    if not section.headlines:
        sheets.say("Nothing was measured that supports a claim.")


def _section(sheets: Sheets, section: Section, link: int) -> None:
    sheets.add_page()
    sheets.set_link(link, page=sheets.page_no())
    sheets.start_section(section.title)
    sheets.say(section.line, BODY, QUIET)
    for part in section.parts:
        if part.title:
            sheets.keep(HEADING_ROOM + _tall(sheets, part.blocks[0]))
            sheets.start_section(part.title, level=1)
        for block in part.blocks:
            _block(sheets, block)


def _tall(sheets: Sheets, block: Block) -> float:
    """Height in mm of a block that is not to be parted from its heading; 0 for others."""
    if isinstance(block, Table):
        return min(len(block.rows) * ROW, MOST_TABLE)
    if not isinstance(block, Picture | Gallery):
        return 0.0
    picture = block if isinstance(block, Picture) else block.pictures[0]
    width, height = picture.figure.get_size_inches()
    return min(float(height / width) * sheets.epw * picture.share, TALLEST)


def _block(sheets: Sheets, block: Block) -> None:
    match block:
        case Paragraph():
            _paragraph(sheets, block)
        case Facts(pairs):
            _facts(sheets, pairs)
        case Claims(claims):
            for claim in claims:
                _claim(sheets, claim)
        case Table():
            _table(sheets, block)
        case Picture():
            _pictures(sheets, [block], sheets.epw, block.share)
        case Gallery(pictures):
            for position in range(0, len(pictures), 2):
                _pictures(sheets, pictures[position : position + 2], PAIR_SHARE * sheets.epw)


def _paragraph(sheets: Sheets, paragraph: Paragraph) -> None:
    size, colour = (SMALL, QUIET) if paragraph.quiet else (BODY, TEXT)
    sheets.say(paragraph.text, size, colour)
    sheets.ln(GAP / 2)


def _claim(sheets: Sheets, claim: Claim) -> None:
    """The sentence, with a bar beside it whose colour says whether it is supported."""
    told = tied(claim.sentence if claim.supported else f"({TOO_LITTLE}) {claim.sentence}")
    width = sheets.epw - CLAIM_INDENT
    lines = sheets.multi_cell(width, LINE * BODY, told, align="L", dry_run=True, output="LINES")
    height = LINE * BODY * len(lines) if isinstance(lines, list) else 0.0
    sheets.keep(height + GAP)
    sheets.ln(GAP / 2)
    with sheets.local_context(fill_color=ACCENT if claim.supported else OPEN):
        sheets.rect(sheets.l_margin, sheets.get_y(), 0.8, height, style="F")
    sheets.say(told, indent=CLAIM_INDENT)


def _facts(sheets: Sheets, pairs: Sequence[tuple[str, str]]) -> None:
    sheets.ln(GAP / 2)
    layout = {"borders_layout": TableBordersLayout.NONE, "first_row_as_headings": False, "text_align": "LEFT"}
    with sheets.table(col_widths=NAMES, line_height=LINE * BODY, v_align="TOP", **layout) as table:
        for name, value in pairs:
            row = table.row()
            row.cell(name, style=FontFace(color=QUIET))
            row.cell(value)
    sheets.ln(GAP / 2)


def _table(sheets: Sheets, block: Table) -> None:
    if block.title:
        sheets.keep(HEADING_ROOM / 2)
        sheets.ln(GAP / 2)
        sheets.say(block.title, style="B")
    sheets.use(SMALL + 0.5)
    sheets.set_draw_color(RULE)
    with sheets.table(
        col_widths=[column.width for column in block.columns],
        text_align=["RIGHT" if column.numeric else "LEFT" for column in block.columns],
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="B"),
        line_height=LINE * SMALL,
        padding=(0.8, 1.2),
        v_align="TOP",
    ) as table:
        table.row([column.title for column in block.columns])
        marked = FontFace(emphasis="B", fill_color=MARK)
        for position, cells in enumerate(block.rows):
            table.row(cells, style=marked if position in block.marked else None)
    sheets.use()
    if block.note:
        sheets.say(block.note, SMALL, QUIET)
    sheets.ln(GAP / 2)


def _pictures(sheets: Sheets, pictures: Sequence[Picture], width: float, share: float = 1.0) -> None:
    """Pictures side by side, each in a place ``width`` mm wide of which it fills a share, their captions underneath."""
    drawn = [Image.open(io.BytesIO(png(picture))) for picture in pictures]
    sizes = [_fitted(image, share * width) for image in drawn]
    sheets.ln(GAP)
    sheets.keep(max(height for _, height in sizes) + 4 * LINE * SMALL)
    top, bottoms = sheets.get_y(), []
    for position, (picture, image, (w, h)) in enumerate(zip(pictures, drawn, sizes, strict=True)):
        left = sheets.l_margin + position * (sheets.epw - width)
        sheets.image(image, left + (width - w) / 2, top, w, h, alt_text=picture.caption)
        sheets.set_xy(left, top + h + 1)
        sheets.use(SMALL, QUIET)
        sheets.multi_cell(width, LINE * SMALL, picture.caption, align="L", new_x="LMARGIN", new_y="NEXT")
        bottoms.append(sheets.get_y())
    sheets.use()
    sheets.set_y(max(bottoms))


def _fitted(image: Image.Image, width: float) -> tuple[float, float]:
    """Width and height in mm, of the image's proportions."""
    scale = min(width / image.width, TALLEST / image.height)
    return image.width * scale, image.height * scale
