"""Values and calls as Python source, laid out as ruff's formatter does.

All that is not in the template of a script gets into it by way of ``source``, which writes values as literals, so that
no name or text of a user can become code.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from inspect import signature
from typing import Any

WIDTH = 120  # columns
_INDENT = 4


@dataclass(frozen=True)
class Call:
    """A call in the source of a script.

    Attributes:
        function: a dotted name, checked when it is written.
        arguments: by position: literals, calls, and lists of them.
        keywords: by name.
    """

    function: str
    arguments: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.function.split("."), *(named for named, _ in self.keywords)):
            check_identifier(name)


def changed_arguments(kind: type, config: dict[str, Any]) -> dict[str, Any]:
    """Return those entries of an object's configuration that are not the defaults of its class."""
    known = signature(kind).parameters
    return {name: value for name, value in config.items() if name in known and value != known[name].default}


@dataclass(frozen=True)
class Name:
    """A name in the source of a script."""

    name: str

    def __post_init__(self) -> None:
        for part in self.name.split("."):
            check_identifier(part)


def check_identifier(name: str) -> None:
    """Check that ``name`` can be one in a script.

    Raises:
        ValueError: if not.
    """
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is no name in Python")


def source(value: Any, indent: int = 0, prefix: str = "", suffix: str = "") -> str:
    """Write a value as source, on several lines if it doesn't fit on one.

    Args:
        value: a literal, a ``Name``, a ``Call``, or a list of these.
        indent: columns before the first line.
        prefix: what precedes it on its first line, such as ``return ``.
        suffix: what follows it on its last line.
    """
    space = " " * indent
    line = f"{space}{prefix}{_on_one_line(value)}{suffix}"
    parts = _parts(value)
    if len(line) <= WIDTH or parts is None:
        return line
    opening, items, closing = parts
    inner = (source(item, indent + _INDENT, before, ",") for before, item in items)
    return "\n".join((f"{space}{prefix}{opening}", *inner, f"{space}{closing}{suffix}"))


def _parts(value: Any) -> tuple[str, list[tuple[str, Any]], str] | None:
    """Return how a value begins, its items with what precedes each, and how it ends; None if it has no items."""
    match value:
        case Call(function, arguments, keywords) if arguments or keywords:
            named = [(f"{name}=", each) for name, each in keywords]
            return f"{function}(", [("", each) for each in arguments] + named, ")"
        case list() if value:
            return "[", [("", each) for each in value], "]"
        case tuple() if len(value) > 1:
            return "(", [("", each) for each in value], ")"
    return None


def _on_one_line(value: Any) -> str:
    match value:
        case Name(name):
            return name
        case Call() | list() | tuple() if (parts := _parts(value)) is not None:
            opening, items, closing = parts
            return opening + ", ".join(before + _on_one_line(each) for before, each in items) + closing
        case Call(function):
            return f"{function}()"
        case str():
            return _quoted(value)
        case bool() | int() | float() | None | list() | tuple():
            return repr(value)
    raise TypeError(f"a script can't hold a {type(value).__name__}")


def _quoted(text: str) -> str:
    """Return a literal, in double quotes where these need no escapes."""
    literal = ascii(text) if not text.isprintable() else repr(text)
    return f'"{literal[1:-1]}"' if literal[0] == "'" and '"' not in literal and "\\'" not in literal else literal
