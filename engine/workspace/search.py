"""What is typed into a search line: words, and conditions such as ``dataset:cifar10`` or ``epochs>5``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.workspace.catalogue import CatalogueEntry

_CONDITION = re.compile(r"(\w+)(<=|>=|<|>|=|:)(.+)")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
# What a condition can ask for beside the settings; accuracies in percent, as the list shows them.
_ENTRY_KEYS: dict[str, Callable[[CatalogueEntry], Any]] = {
    "number": lambda entry: entry.number,
    "kind": lambda entry: entry.kind,
    "title": lambda entry: entry.stored.title,
    "notes": lambda entry: entry.stored.notes,
    "status": lambda entry: entry.stored.status.value,
    "runs": lambda entry: entry.planned,
    "seconds": lambda entry: entry.seconds,
    "best": lambda entry: None if entry.best is None else 100 * entry.best,
    "mean": lambda entry: None if entry.mean is None else 100 * entry.mean,
}


@dataclass(frozen=True)
class Query:
    """One line of text; all of its words must be found, and all of its conditions hold. Upper and lower case are alike.

    A condition compares a setting, or one of title, kind, notes, status, runs, seconds, best and mean, with ``:``
    (contains), ``=``, ``<``, ``>``, ``<=`` or ``>=``. What looks like one but names nothing known is a word.
    """

    text: str

    def matches(self, entry: CatalogueEntry) -> bool:
        """Whether the experiment is one of those looked for."""
        return all(_found(piece, entry) for piece in self.text.lower().split())


def _found(piece: str, entry: CatalogueEntry) -> bool:
    condition = _CONDITION.fullmatch(piece)
    if condition is not None:
        key, sign, wanted = condition.groups()
        if key in _ENTRY_KEYS:
            return _holds(_ENTRY_KEYS[key](entry), sign, wanted)
        if key in entry.values:
            return _holds(entry.values[key], sign, wanted)
    return piece in entry.search_text


def _holds(value: Any, sign: str, wanted: str) -> bool:
    if sign == ":":
        return wanted in _text(value)
    try:
        return value is not None and _COMPARISONS[sign](float(value), float(wanted))
    except (TypeError, ValueError, OverflowError):  # not numbers: they can only be equal
        return sign == "=" and _text(value) == wanted


def _text(value: Any) -> str:
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)).lower()
