"""engine.exports.report.html: a self-contained page."""

from __future__ import annotations

import pytest

from engine.exports.report.document import Document, Picture
from engine.exports.report.images import data_uri
from engine.exports.report.typography import nonbreaking
from tests.engine.exports.report_support import TITLE, Page, Stored
from tests.engine.stored_results import claims_of


def test_the_page_refers_to_nothing_outside_it(page: Page) -> None:
    references = [attributes[key] for _, attributes in page.tags for key in ("src", "href") if key in attributes]
    assert references
    assert all(
        str(each).startswith(("data:image/svg+xml;base64,", "data:image/png;base64,", "#")) for each in references
    )
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}


def test_links_lead_to_the_sections(page: Page) -> None:
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    links = [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]
    assert links == [f"#{each}" for each in identifiers]


def test_what_people_typed_is_escaped(page: Page) -> None:
    assert TITLE in page.text, "as text, not as tags"
    assert "Ran at night." in page.text
    assert "first" not in {tag for tag, _ in page.tags}


def test_every_figure_has_its_picture_and_words_for_it(page: Page, document: Document) -> None:
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    # Cross-entropy, recovery; the convolution raw and normalised; the four panels; rates and range test; networks.
    assert len(images) == 10
    assert all(attributes["alt"] for attributes in images)


def test_all_claims_stand_in_the_page(page: Page, stored: Stored) -> None:
    for number in stored.all:
        for claim in claims_of(stored.store, number):
            assert nonbreaking(claim.sentence) in page.text


def test_a_figure_of_many_lines_becomes_pixels(monkeypatch: pytest.MonkeyPatch, document: Document) -> None:
    picture = next(each for each in document.sections[0].parts[3].blocks if isinstance(each, Picture))
    assert data_uri(picture).startswith("data:image/svg+xml;base64,")
    monkeypatch.setattr("engine.exports.report.images.MAX_SVG_BYTES", 1000)
    assert data_uri(picture).startswith("data:image/png;base64,")


def test_numbers_stay_with_their_units() -> None:
    assert nonbreaking("93.4 ± 0.5 % (n = 3)") == "93.4\u00a0±\u00a00.5\u00a0% (n\u00a0=\u00a03)"
    assert nonbreaking("p < 0.001, of 12 runs") == "p\u00a0<\u00a00.001, of 12 runs"
