"""engine.exports.report.glyphs: characters that the PDF's font lacks are shown by another one, or visibly replaced."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
import pytest
from pypdf import PdfReader

from engine.analysis.blocks import Facts, Paragraph, Table, TableColumn
from engine.exports.report import glyphs
from engine.exports.report.document import Document, ReportPart, Section
from engine.exports.report.html import render_html
from engine.exports.report.pdf import render_pdf

PLAIN = "naïve ±0.5 → 10⁻⁴ ≤ Ελλάδα Привет"
# Shipped with matplotlib; has one sign for all characters of a script, so that it covers whatever another font lacks.
COVERS_ALL = next(Path(mpl.get_data_path(), "fonts", "ttf").glob("LastResort*"), Path("missing"))


def document(text: str) -> Document:
    table = Table("", (TableColumn("Class"),), ((text,),))
    part = ReportPart("", (Paragraph(text), Facts((("Data set", text),)), table))
    return Document("Report", "", (Section("a", f"Part {text}", "", (part,), ()),), ())


def words(text: str) -> str:
    pages = PdfReader(io.BytesIO(render_pdf(document(text)))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


@pytest.fixture
def no_other_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.exports.report.pdf_page.find_font", lambda _characters: None)


def test_what_the_embedded_font_has_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.exports.report.pdf_page.find_font", lambda _characters: pytest.fail("not needed"))
    text = words(PLAIN)
    assert text.count(PLAIN) == 5
    assert glyphs.BOX not in text


@pytest.mark.usefixtures("no_other_font")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("猫 cat", "□ cat"),
        ("قطة cat", "□□□ cat"),  # the font has these letters, but would neither join nor order them
        ("חתול cat", "□□□□ cat"),
        ("बिल cat", "□□□ cat"),
        ("🦖 cat", "□ cat"),
        ("👨\u200d🦰\ufe0f cat", "□□ cat"),
    ],
    ids=["CJK", "Arabic", "Hebrew", "Devanagari", "emoji", "joined emoji"],
)
def test_what_cannot_be_shown_is_replaced_by_a_box_and_that_is_said(text: str, shown: str) -> None:
    found = words(text)
    assert found.count(shown) == 5
    assert glyphs.REPLACED in found


@pytest.mark.long
@pytest.mark.skipif(not COVERS_ALL.is_file(), reason="matplotlib before 3.11 brings no such font")
def test_another_font_of_the_machine_shows_what_the_embedded_one_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.exports.report.pdf_page.find_font", lambda _characters: COVERS_ALL)
    found = words("猫 cat")
    assert found.count("猫 cat") == 5
    assert glyphs.BOX not in found


def test_a_font_that_cannot_be_read_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("engine.exports.report.pdf_page.find_font", lambda _characters: tmp_path / "removed.ttf")
    assert words("猫 cat").count("□ cat") == 5


def test_the_font_that_covers_most_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fonts = Path(mpl.get_data_path(), "fonts", "ttf")
    (tmp_path / "damaged.ttf").write_bytes(b"no font")
    offered = [str(tmp_path / "damaged.ttf"), str(fonts / "cmr10.ttf"), str(fonts / "DejaVuSans.ttf"), str(COVERS_ALL)]
    monkeypatch.setattr("engine.exports.report.glyphs.findSystemFonts", lambda: offered)
    assert glyphs.find_font(set("AЖ")) == fonts / "DejaVuSans.ttf"
    assert glyphs.find_font(set("猫")) is None, "a font with one sign for a whole script shows nothing"
    assert glyphs.find_font(set("قطة")) is None, "these letters need shaping, whatever the font"


def test_html_holds_every_character() -> None:
    for text in ("猫", "قطة", "🦖"):
        assert text in render_html(document(text)).decode()
