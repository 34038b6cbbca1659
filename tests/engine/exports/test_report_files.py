"""engine.exports.report: the PDF, and the file that is written."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from pypdf import PdfReader

import engine.exports.report
from engine.events.runs import Status
from engine.experiments.basics import BASICS_EXPERIMENT
from engine.exports.report import check_report_file, write_report
from engine.exports.report.document import Document, Gallery, Picture
from engine.exports.report.pdf import render_pdf
from engine.storage.store import Store
from engine.utils.errors import ReportError, StoreError
from tests.engine.exports.report_support import NOTES, TITLE, Stored
from tests.engine.stored_results import claims_of


@pytest.fixture(scope="module")
def reader(stored: Stored, tmp_path_factory: pytest.TempPathFactory) -> PdfReader:
    """The PDF of all four experiments."""
    return PdfReader(write_report(stored.store, stored.all, tmp_path_factory.mktemp("pdf") / "REPORT.PDF"))


@pytest.mark.long
def test_the_pdf_holds_the_same_words(stored: Stored, reader: PdfReader) -> None:
    text = _words(" ".join(page.extract_text() for page in reader.pages))
    for number in stored.all:
        for claim in claims_of(stored.store, number):
            assert _words(claim.sentence) in text
    for expected in (TITLE, NOTES, "95.25 ± 0.35 %", "Learning rate set to 0.25 by hand after step 26."):
        assert _words(expected) in text
    assert sum(len(page.images) for page in reader.pages) == 10  # seven figures, and the pictures of three networks


def test_the_pdf_has_its_sections_in_the_outline(document: Document) -> None:
    reader = PdfReader(io.BytesIO(render_pdf(_with_pictures(document, 1))))
    assert reader.metadata is not None
    assert reader.metadata.title == "Training artificial neural networks"
    assert [each.title for each in reader.outline if not isinstance(each, list)] == [
        "Part 1: Basic concepts",
        "Part 2: Convolution",
        f"Part 3: Architectures – {TITLE}",
        "Part 5: Learning rate",
    ]
    inner = reader.outline[1]
    assert isinstance(inner, list)
    assert inner[0].title == "What the measurements support"


def _with_pictures(document: Document, count: int) -> Document:
    """Drop all pictures but the first ``count``, as drawing them takes most of the time."""
    left = count
    sections = []
    for section in document.sections:
        parts = []
        for part in section.parts:
            blocks = []
            for block in part.blocks:
                if isinstance(block, Picture | Gallery):
                    if left == 0:
                        continue
                    left -= 1
                blocks.append(block)
            if blocks:
                parts.append(replace(part, blocks=tuple(blocks)))
        sections.append(replace(section, parts=tuple(parts)))
    return replace(document, sections=tuple(sections))


def _words(text: str) -> str:
    """Without what a line's end and a justified line do to it."""
    return "".join(text.split())


@pytest.mark.parametrize("name", ["report", "report.doc", "report.htm", ".html"])
def test_a_report_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportError, match=r"must end in \.html or \.pdf"):
        check_report_file(tmp_path / name)


def test_a_folder_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(ReportError, match="is a folder"):
        check_report_file(tmp_path / "report.html")


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ReportError, match="file can't be written"):
        check_report_file(tmp_path / "file" / "report.html")


def test_a_report_of_nothing_and_of_what_is_not_there_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="choose at least one"):
        write_report(store, [], tmp_path / "report.html")
    with pytest.raises(StoreError, match="no experiment 7"):
        write_report(store, [7], tmp_path / "report.html")


def test_a_file_is_replaced_only_by_a_whole_one(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = store.add_experiment("basics", BASICS_EXPERIMENT.preset("quick").to_json(), 0, None, 1)
    store.finish_experiment(number, Status.CANCELLED, "Cancelled before it was done.")
    folder = tmp_path / "reports"
    folder.mkdir()
    file = folder / "report.html"
    file.write_text("the old one")

    def full(_path: Path, contents: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("engine.exports.report.Path.write_bytes", full)
        with pytest.raises(ReportError, match="No space left on device"):
            write_report(store, [number], file)
    assert file.read_text() == "the old one"
    assert list(folder.iterdir()) == [file], "nothing half-written stays behind"
    write_report(store, [number], file)
    assert "Basic concepts" in file.read_text(encoding="utf-8")
    assert list(folder.iterdir()) == [file]
    assert engine.exports.report.SUFFIXES == (".html", ".pdf")


@pytest.mark.parametrize("suffix", [".html", ".pdf"])
def test_a_name_that_is_no_utf_8_is_refused_and_leaves_the_earlier_file_whole(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    file = tmp_path / f"report{suffix}"
    file.write_text("earlier")
    broken = Document("caf\udce9", "", (), ())
    monkeypatch.setattr("engine.exports.report.build_document", lambda *_given: broken)
    with pytest.raises(ReportError, match=r"can't be written as UTF-8; rename the class folders .*\.$"):
        write_report(stored.store, stored.all, file)
    assert file.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [file]
