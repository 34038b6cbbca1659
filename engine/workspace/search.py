"""Search queries: terms, and conditions such as ``dataset:cifar10`` or ``epochs>5``."""

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
# Keys of conditions beside the settings; accuracies in percent, as in the list.
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
    """A query; all its terms must occur and all its conditions must hold. Case-insensitive.

    A condition compares a setting, or one of number, title, kind, notes, status, runs, seconds, best and mean, by ``:``
    (contains), ``=``, ``<``, ``>``, ``<=`` or ``>=``. A condition on an unknown key is taken as a term.
    """

    text: str

    def matches(self, entry: CatalogueEntry) -> bool:
        """Return whether the experiment matches."""
        return all(_matches(term, entry) for term in self.text.lower().split())


def _matches(term: str, entry: CatalogueEntry) -> bool:
    condition = _CONDITION.fullmatch(term)
    if condition is not None:
        key, operation, wanted = condition.groups()
        if key in _ENTRY_KEYS:
            return _holds(_ENTRY_KEYS[key](entry), operation, wanted)
        if key in entry.values:
            return _holds(entry.values[key], operation, wanted)
    return term in entry.search_text


def _holds(value: Any, operation: str, wanted: str) -> bool:
    if operation == ":":
        return wanted in _text(value)
    try:
        return value is not None and _COMPARISONS[operation](float(value), float(wanted))
    except (TypeError, ValueError, OverflowError):  # not numbers: only equality is defined
        return operation == "=" and _text(value) == wanted


def _text(value: Any) -> str:
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)).lower()
