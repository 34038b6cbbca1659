"""Checks of values from files that may hold anything."""

from __future__ import annotations

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


def _as_text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_as_text(item) if not isinstance(item, str) else item for item in value[:MAX_NAMES])
    return safe_repr(value) if value is not None else ""


def number(value: object) -> float | None:
    """Return a number as float, None if it is none; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def whole(value: object, name: str, low: int = 0, high: int = MAX_COUNT) -> int:
    """Return a whole number.

    Raises:
        ValueProblem: if it is none, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueProblem(f"'{name}' is not a whole number from {low:,} to {high:,}")
    return value


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """Return an object of JSON.

    Raises:
        ValueProblem: if it is none, or has too many entries.
    """
    if not isinstance(value, dict):
        raise ValueProblem(f"'{name}' is not an object")
    if len(value) > MAX_NAMES:
        raise ValueProblem(f"'{name}' has more than {MAX_NAMES:,} entries")
    return value
