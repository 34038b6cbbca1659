"""engine.utils.errors and engine.utils.text: messages are one line, whatever they quote."""

from __future__ import annotations

import pickle

import pytest

from engine.utils.errors import SpecError, TrainscopeError
from engine.utils.text import MAX_CHARACTERS, safe_repr


@pytest.mark.parametrize("foreign", ["a\nb", "\0", "\x1b[31m", "\ud800", "\udcff", "\u202e", "\u2028"])
def test_a_message_stays_on_one_line_that_can_be_printed(foreign: str) -> None:
    text = str(TrainscopeError(f"There is no '{foreign}'; choose another."))
    assert text.isprintable()
    assert text.encode()
    assert text.startswith("There is no '")
    assert text.endswith("'; choose another.")


def test_what_can_be_read_is_left_as_it_is() -> None:
    sentence = "Üç × 10⁻⁶ ± 1 % · çiçekler – 日本: »mlp_1« can't be 'x'."
    assert str(SpecError(sentence)) == sentence


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    text = str(SpecError(f"epochs can't be '{'9' * 100_000}'; it takes 1 to 100000."))
    assert len(text) <= MAX_CHARACTERS
    assert text.startswith("epochs can't be '999")
    assert text.endswith("'; it takes 1 to 100000.")


def test_many_characters_that_need_an_escape_make_no_longer_message() -> None:
    assert len(str(SpecError("\ud800" * 300 + "."))) <= MAX_CHARACTERS


def test_an_error_crosses_a_border_whole() -> None:
    sent = SpecError("a\nb" * 1000)
    received = pickle.loads(pickle.dumps(sent))  # noqa: S301 - written by the test itself
    assert received.args == sent.args


def test_what_has_no_words_is_told_by_its_type() -> None:
    endless: list[object] = []
    for _ in range(100_000):
        endless = [endless]
    assert safe_repr(16**5000) == "this int"
    assert safe_repr(endless) == "this list"
    assert safe_repr("x") == "'x'"
