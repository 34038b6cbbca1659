"""Characters that a PDF can show: those of its own font, those of a font of this machine, and a box for all others."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from pathlib import Path
from typing import Any

from matplotlib.font_manager import findSystemFonts
from matplotlib.ft2font import FT2Font

BOX = "□"
REPLACED = (
    f"{BOX} stands for a character that this PDF can't show, such as one of a script written from right to left; the "
    "report as HTML shows it."
)

# Fonts of colour images, and those that have one sign for all characters of a script, of which matplotlib brings one.
_PICTURES = re.compile("(?i).*(emoji|last ?resort)")
# Scripts whose letters change with their neighbours, or are not written in the order they are read in: without text
# shaping they would be wrong. Devanagari to Sinhala, Tibetan, Myanmar, Khmer, and what is written from right to left.
_SHAPED = re.compile("[\u0900-\u0dff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]")
_RIGHT_TO_LEFT = ("R", "AL", "AN")
_INVISIBLE = re.compile("[\ufe00-\ufe0f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # joiners, variants, directions


def characters_of(value: Any) -> set[str]:
    """Return all characters of the texts in a document or part of one."""
    return {character for text in _texts(value) for character in text}


def replace_missing(text: str, missing: Set[str]) -> str:
    """Return ``text`` with a box for each ``missing`` character, and without those that are invisible."""
    return "".join(BOX if each in missing else each for each in _INVISIBLE.sub("", text))


def missing_in(font: Path, characters: Iterable[str]) -> set[str]:
    """Return those of ``characters`` that a font doesn't draw as they are read; propagates ``RuntimeError``."""
    known = FT2Font(str(font)).get_charmap().keys()
    visible = {each for each in characters if not (each.isspace() or _INVISIBLE.match(each))}
    return {each for each in visible if ord(each) not in known or _needs_shaping(each)}


def find_font(characters: Set[str]) -> Path | None:
    """Return the font of this machine that draws most of ``characters``; None if there is none that draws any."""
    if all(_needs_shaping(each) for each in characters):
        return None
    best: tuple[int, Path | None] = (len(characters), None)
    for file in map(Path, sorted(findSystemFonts())):  # matplotlib's own list of fonts is that of an earlier day
        with suppress(OSError, RuntimeError):  # damaged, or removed meanwhile
            font = FT2Font(str(file))
            if bool(font.style_flags) or _PICTURES.match(font.family_name):
                continue  # bold, italic, or none that writes
            if (left := len(missing_in(file, characters))) < best[0]:
                best = left, file
    return best[1]


def _needs_shaping(character: str) -> bool:
    return bool(_SHAPED.match(character)) or unicodedata.bidirectional(character) in _RIGHT_TO_LEFT


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _texts(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for each in dataclasses.fields(value):
            yield from _texts(getattr(value, each.name))
