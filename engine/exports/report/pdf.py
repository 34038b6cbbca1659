"""Rendering of a report as PDF with fpdf2: embedded font, sections in the outline."""

from __future__ import annotations

import io
from collections.abc import Sequence

from fpdf import FontFace
from fpdf.enums import TableBordersLayout
from PIL import Image

from engine.analysis.blocks import Facts, Paragraph, Table
from engine.analysis.claims import Claim
from engine.exports.report.document import Block, Claims, Document, Gallery, Picture, Section
from engine.exports.report.glyphs import REPLACED, characters_of
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
    ReportPDF,
)
from engine.exports.report.typography import nonbreaking

GAP = 3.0  # mm
MAX_FIGURE_HEIGHT = 120.0  # mm, so that two figures fit on a page
HEADING_ROOM = 30.0  # mm for a heading and the first lines below it, which stay on the same page
ROW = 1.6 + LINE * SMALL  # mm per table row, with padding
MAX_TABLE_HEIGHT = 150.0  # mm; a taller table may be split across pages
NAMES = 1, 5  # relative widths of names and values of facts
PAIR_SHARE = 0.48  # fraction of the width for each of two pictures side by side
CLAIM_INDENT = 4.0  # mm
TOO_LITTLE = "too little to tell"


def render_pdf(document: Document) -> bytes:
    """Render the document as PDF."""
    pdf = ReportPDF(document.title, characters_of(document))
    links = [int(pdf.add_link()) for _ in document.sections]
    pdf.write_paragraph(document.title, TITLE, style="B")
    pdf.write_paragraph(document.subtitle, BODY, QUIET)
    if pdf.missing:
        pdf.write_paragraph(REPLACED, SMALL, QUIET)
    pdf.ln(GAP)
    pdf.write_paragraph("What was found", SECTION, style="B")
    for section, link in zip(document.sections, links, strict=True):
        _summary(pdf, section, link)
    for section, link in zip(document.sections, links, strict=True):
        _section(pdf, section, link)
    pdf.ln(2 * GAP)
    for paragraph in document.closing:
        _paragraph(pdf, paragraph)
    return bytes(pdf.output() or b"")


def _summary(pdf: ReportPDF, section: Section, link: int) -> None:
    pdf.reserve(HEADING_ROOM / 2)
    pdf.ln(GAP)
    pdf.write_paragraph(section.title, BODY + 1, ACCENT, style="B", link=link)
    pdf.write_paragraph(section.subtitle, SMALL, QUIET)
    for claim in section.headlines:
        _claim(pdf, claim)
    if not section.headlines:
        pdf.write_paragraph("Nothing was measured that supports a claim.")


def _section(pdf: ReportPDF, section: Section, link: int) -> None:
    pdf.add_page()
    pdf.set_link(link, page=pdf.page_no())
    pdf.start_section(section.title)
    pdf.write_paragraph(section.subtitle, BODY, QUIET)
    for part in section.parts:
        if part.title:
            pdf.reserve(HEADING_ROOM + _kept_height(pdf, part.blocks[0]))
            pdf.start_section(part.title, level=1)
        for block in part.blocks:
            _block(pdf, block)


def _kept_height(pdf: ReportPDF, block: Block) -> float:
    """Return the height in mm of a block to be kept on the page of its heading; 0 for other blocks."""
    if isinstance(block, Table):
        return min(len(block.rows) * ROW, MAX_TABLE_HEIGHT)
    if not isinstance(block, Picture | Gallery):
        return 0.0
    picture = block if isinstance(block, Picture) else block.pictures[0]
    width, height = picture.figure.get_size_inches()
    return min(float(height / width) * pdf.epw * picture.share, MAX_FIGURE_HEIGHT)


def _block(pdf: ReportPDF, block: Block) -> None:
    match block:
        case Paragraph():
            _paragraph(pdf, block)
        case Facts(pairs):
            _facts(pdf, pairs)
        case Claims(claims):
            for claim in claims:
                _claim(pdf, claim)
        case Table():
            _table(pdf, block)
        case Picture():
            _pictures(pdf, [block], pdf.epw, block.share)
        case Gallery(pictures):
            for position in range(0, len(pictures), 2):
                _pictures(pdf, pictures[position : position + 2], PAIR_SHARE * pdf.epw)


def _paragraph(pdf: ReportPDF, paragraph: Paragraph) -> None:
    size, colour = (SMALL, QUIET) if paragraph.quiet else (BODY, TEXT)
    pdf.write_paragraph(paragraph.text, size, colour)
    pdf.ln(GAP / 2)


def _claim(pdf: ReportPDF, claim: Claim) -> None:
    """Write a claim's sentence with a bar beside it, whose colour shows whether it is supported."""
    sentence = nonbreaking(claim.sentence if claim.supported else f"({TOO_LITTLE}) {claim.sentence}")
    width = pdf.epw - CLAIM_INDENT
    lines = pdf.multi_cell(width, LINE * BODY, sentence, align="L", dry_run=True, output="LINES")
    height = LINE * BODY * len(lines) if isinstance(lines, list) else 0.0
    pdf.reserve(height + GAP)
    pdf.ln(GAP / 2)
    with pdf.local_context(fill_color=ACCENT if claim.supported else OPEN):
        pdf.rect(pdf.l_margin, pdf.get_y(), 0.8, height, style="F")
    pdf.write_paragraph(sentence, indent=CLAIM_INDENT)


def _facts(pdf: ReportPDF, pairs: Sequence[tuple[str, str]]) -> None:
    pdf.ln(GAP / 2)
    layout = {"borders_layout": TableBordersLayout.NONE, "first_row_as_headings": False, "text_align": "LEFT"}
    with pdf.table(col_widths=NAMES, line_height=LINE * BODY, v_align="TOP", **layout) as table:
        for name, value in pairs:
            row = table.row()
            row.cell(name, style=FontFace(color=QUIET))
            row.cell(value)
    pdf.ln(GAP / 2)


def _table(pdf: ReportPDF, block: Table) -> None:
    if block.title:
        pdf.reserve(HEADING_ROOM / 2)
        pdf.ln(GAP / 2)
        pdf.write_paragraph(block.title, style="B")
    pdf.use_font(SMALL + 0.5)
    pdf.set_draw_color(RULE)
    with pdf.table(
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
    pdf.use_font()
    if block.note:
        pdf.write_paragraph(block.note, SMALL, QUIET)
    pdf.ln(GAP / 2)


def _pictures(pdf: ReportPDF, pictures: Sequence[Picture], width: float, share: float = 1.0) -> None:
    """Place pictures side by side with captions below, each filling ``share`` of a column ``width`` mm wide."""
    drawn = [Image.open(io.BytesIO(png(picture))) for picture in pictures]
    sizes = [_fit(image, share * width) for image in drawn]
    pdf.ln(GAP)
    pdf.reserve(max(height for _, height in sizes) + 4 * LINE * SMALL)
    top, bottoms = pdf.get_y(), []
    for position, (picture, image, (w, h)) in enumerate(zip(pictures, drawn, sizes, strict=True)):
        left = pdf.l_margin + position * (pdf.epw - width)
        pdf.image(image, left + (width - w) / 2, top, w, h, alt_text=picture.caption)
        pdf.set_xy(left, top + h + 1)
        pdf.use_font(SMALL, QUIET)
        pdf.multi_cell(width, LINE * SMALL, picture.caption, align="L", new_x="LMARGIN", new_y="NEXT")
        bottoms.append(pdf.get_y())
    pdf.use_font()
    pdf.set_y(max(bottoms))


def _fit(image: Image.Image, width: float) -> tuple[float, float]:
    """Return width and height in mm, at most ``width`` and ``MAX_FIGURE_HEIGHT``, keeping the aspect ratio."""
    scale = min(width / image.width, MAX_FIGURE_HEIGHT / image.height)
    return image.width * scale, image.height * scale
