"""Confusions between classes, read from a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.utils.arrays import Array


@dataclass(frozen=True)
class Confusion:
    """A cell of the confusion matrix: ``count`` of ``total`` images of class ``true``, classified as ``predicted``."""

    true: str
    predicted: str
    count: int
    total: int

    @property
    def share(self) -> float:
        """Fraction of the true class's images; 0 where it has none."""
        return self.count / self.total if self.total else 0.0

    @property
    def text(self) -> str:
        """Description such as ``cat taken for dog: 87 of 1,000 (8.7 %)``."""
        verb = f"{self.true} recognised" if self.true == self.predicted else f"{self.true} taken for {self.predicted}"
        share = f" ({100 * self.share:.1f} %)" if self.total else ""
        return f"{verb}: {self.count:,} of {self.total:,}{share}"


def complete_names(class_names: Sequence[str], classes: int) -> tuple[str, ...]:
    """Return a name for each of ``classes``; the number of a class that has none."""
    return (*class_names, *map(str, range(len(class_names), classes)))


def confusion_at(confusion: Array, class_names: Sequence[str], true: int, predicted: int) -> Confusion:
    """Return one cell of ``confusion``: int [classes, classes], rows are true classes."""
    row = confusion[true]
    return Confusion(class_names[true], class_names[predicted], int(row[predicted]), int(row.sum()))


def most_frequent(confusion: Array, class_names: Sequence[str], count: int) -> list[Confusion]:
    """Return at most ``count`` confused pairs of classes, most images first."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = (divmod(int(position), len(confusion)) for position in order)
    return [confusion_at(confusion, class_names, *pair) for pair in pairs if wrong[pair]]
