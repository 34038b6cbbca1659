"""Checks of values from files that may hold anything."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from engine.utils.text import safe_repr

MAX_NAME = 100  # characters of a name
MAX_TEXT = 1000  # characters of a setting or a reason
MAX_NAMES = 1000  # entries of a mapping
MAX_COUNT = 10**12  # of steps, images, parameters
_REPLACEMENT = "\ufffd"


class ValueProblem(Exception):
    """What is wrong with a value, as the end of a sentence."""


def text(value: object, limit: int = MAX_TEXT) -> str:
    """Return ``value`` as text that can be stored: encodable, without control characters, not too long."""
    raw = value if isinstance(value, str) else _as_text(value)
    if len(raw) <= limit and raw.isprintable():
        return raw
    if len(raw) > limit:
        raw = raw[: limit - 1] + "…"
    encodable = raw.encode("utf-8", "replace").decode("utf-8")
    return "".join(each if each.isprintable() else " " if each.isspace() else _REPLACEMENT for each in encodable)


def name_of(value: object) -> str:
    """Return ``value`` as ``text`` of at most ``MAX_NAME`` characters; long names that differ still do."""
    raw = value if isinstance(value, str) else _as_text(value)
    if len(raw) <= MAX_NAME:
        return text(raw)
    digest = f"…{zlib.crc32(raw.encode('utf-8', 'replace')):08x}"
    return text(raw[: MAX_NAME - len(digest)]) + digest


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_item_as_text, value[:MAX_NAMES]))
    return _item_as_text(value)


def _item_as_text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:g}" if isinstance(value, float) else safe_repr(value)


def number(value: object) -> float | None:
    """Return a number as float, None if it is none; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def whole(value: object, label: str, low: int = 0, high: int = MAX_COUNT) -> int:
    """Return a whole number.

    Raises:
        ValueProblem: if it is none, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueProblem(f"'{label}' is not a whole number from {low:,} to {high:,}")
    return value


def mapping(value: object, label: str) -> Mapping[str, Any]:
    """Return an object of JSON.

    Raises:
        ValueProblem: if it is none, or has too many entries.
    """
    if not isinstance(value, dict):
        raise ValueProblem(f"'{label}' is not an object")
    if len(value) > MAX_NAMES:
        raise ValueProblem(f"'{label}' has more than {MAX_NAMES:,} entries")
    return value
