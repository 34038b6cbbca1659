"""Accuracies as fractions, whether a program logs fractions or percentages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from engine.watching.sources.base import LogEntry, Measured, Tested

_MEASURED = ("training_accuracy", "validation_accuracy")
_TESTED = "test_accuracy"
_ROUNDING = 1e-3  # rounded and half-precision means of ones may be a little larger than 1
_HIGHEST = 100 * (1 + _ROUNDING)


class AccuracyScale:
    """Which accuracies of a run are percentages.

    An accuracy is in percent if any of its values in the run is above 1 by more than rounding. This is decided for
    training, validation and test separately, as scripts compute them in different places and may scale only some. A
    percentage that never exceeds 1 can't be told from a fraction; with fewer than 100 classes it would be worse than
    chance.
    """

    def __init__(self) -> None:
        self._percent: set[str] = set()
        self._fractions: set[str] = set()  # names of which a value above 0 was returned as it was

    def revised(self, entries: Iterable[LogEntry]) -> bool:
        """Learn from the entries that are to be converted next.

        Returns:
            Whether entries that were converted before must be converted again, so that the log is to be read again.
        """
        fresh = {
            name
            for entry in entries
            for name, value in _accuracies(entry)
            if 1 + _ROUNDING < value <= _HIGHEST and name not in self._percent
        }
        self._percent |= fresh
        revised = not fresh.isdisjoint(self._fractions)
        self._fractions -= fresh
        return revised

    def convert(self, entry: LogEntry, complain: Callable[[str], None]) -> LogEntry:
        """Return an entry with accuracies as fractions.

        Args:
            entry: any; those without accuracies are returned as they are.
            complain: called with each accuracy that can be neither fraction nor percentage, and is left out.
        """
        accuracies = dict(_accuracies(entry))
        fractions = {name: self._fraction(name, value) for name, value in accuracies.items()}
        if fractions == accuracies:
            return entry
        for name, value in accuracies.items():
            if fractions[name] is None:
                complain(f"{name.replace('_', ' ')} {value:g} is neither a fraction nor a percentage")
        if isinstance(entry, Measured):
            numbers = {**entry.numbers, **fractions}
            return replace(entry, numbers={name: value for name, value in numbers.items() if value is not None})
        if isinstance(entry, Tested):
            return replace(entry, accuracy=fractions[_TESTED])
        return entry

    def _fraction(self, name: str, value: float) -> float | None:
        if math.isnan(value):  # it was logged
            return value
        if not 0 <= value <= _HIGHEST:
            return None
        if name in self._percent:
            return min(1.0, value / 100)
        if value > 0:
            self._fractions.add(name)
        return min(1.0, value)


def _accuracies(entry: LogEntry) -> Iterator[tuple[str, float]]:
    if isinstance(entry, Measured):
        yield from ((name, entry.numbers[name]) for name in _MEASURED if name in entry.numbers)
    elif isinstance(entry, Tested) and entry.accuracy is not None:
        yield _TESTED, entry.accuracy
