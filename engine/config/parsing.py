"""Parsing of settings from TOML, JSON and ``key=value`` texts."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from engine.config.fields import FieldKind, describe
from engine.utils.errors import SpecError
from engine.utils.files import MAX_CHARACTERS, check_paths, read_text, toml_table


def parse_toml(text: str, by_hand: bool = False) -> dict[str, Any]:
    """Parse a TOML text into a table.

    Args:
        text: the text.
        by_hand: whether a person may have written it, so that a path may have backslashes read as escapes.

    Raises:
        SpecError: if it is invalid, or has such a path.
    """
    try:
        table = toml_table(text)
        if by_hand:
            check_paths(table)
        return table
    except ValueError as error:
        raise SpecError(f"The settings are not valid TOML ({error}); check the text.") from None


def parse_json(text: str) -> Any:
    """Parse a JSON text.

    Raises:
        SpecError: if it is invalid or too long.
    """
    try:
        return _load_json(text)
    except (TypeError, ValueError, RecursionError) as error:  # TypeError: a column of a damaged store may not be text
        raise SpecError(f"The settings are not valid JSON ({error}); check the text.") from None


def _load_json(text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it is longer than {MAX_CHARACTERS:,} characters")
    return json.loads(text)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file into a table.

    Raises:
        SpecError: naming the file, if it can't be read, or is not UTF-8 or valid TOML.
    """
    try:
        return parse_toml(read_text(path), by_hand=True)
    except OSError as error:
        raise SpecError(f"{path} can't be read ({error.strerror}); name a TOML file that exists.") from None
    except ValueError as error:
        raise SpecError(f"{path} can't be read: {error}.") from None
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None


def parse_assignments(spec: type[BaseModel], pairs: list[str]) -> dict[str, Any]:
    """Parse texts such as ``epochs=15`` or ``architectures=cnn_4,mlp_1`` into values for ``Spec.build``.

    Raises:
        SpecError: if one is not of that form or its key is unknown.
    """
    fields = {item.key: item for item in describe(spec)}
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = (piece.strip() for piece in pair.partition("="))
        if not equals:
            raise SpecError(f"'{pair}' is not of the form key=value; write for example epochs=15.")
        if key not in fields:
            raise SpecError(unknown_key(key, list(fields)))
        values[key] = _value(fields[key].kind, fields[key].optional, text)
    return values


def _value(kind: FieldKind, optional: bool, text: str) -> Any:
    if optional and text.lower() in ("", "none"):
        return None
    if kind in (FieldKind.CHOICES, FieldKind.NUMBERS, FieldKind.ARCHITECTURES):
        return split_list(text)
    return text


def split_list(text: str) -> list[str]:
    """Split a text such as ``cnn_4, small[Conv-3x3x16, ReLU]`` at the commas outside of brackets."""
    pieces, depth = [""], 0
    for letter in text:
        depth = max(0, depth + (letter == "[") - (letter == "]"))
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces if piece.strip()]


def unknown_key(key: str, known: list[str]) -> str:
    """Return the message for a key that is not among ``known``, with the closest match."""
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"the keys are {', '.join(known)}."
    return f"There is no setting called '{key}'; {hint}"
