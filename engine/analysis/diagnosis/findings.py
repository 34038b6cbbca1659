"""Findings of the diagnosis of a run's curves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.utils.text import pluralise


class FindingKind(StrEnum):
    """Kinds of findings, most severe first."""

    DIVERGING = "diverging"
    CHANCE_PLATEAU = "plateau at the loss of guessing"
    ONE_CLASS = "one class for every test image"
    VANISHING_GRADIENT = "vanishing gradient"
    DEAD_UNITS = "dead units"
    RATE_BY_HAND = "worse after a rate set by hand"
    OVERFITTING = "overfitting"
    UPDATES_TOO_LARGE = "updates too large"
    UPDATES_TOO_SMALL = "updates too small"


@dataclass(frozen=True)
class Finding:
    """A finding in the curves of a run up to ``step``; ``run`` is the run's id in the store.

    ``sentence`` says what was measured, ``advice`` what to try; both are whole sentences.
    """

    kind: FindingKind
    run: int
    variant: str
    repeat: int
    step: int
    sentence: str
    advice: str


@dataclass(frozen=True)
class GroupedFinding:
    """The latest finding of one kind in a variant, and the repeats that share it."""

    finding: Finding
    repeats: tuple[int, ...]

    @property
    def text(self) -> str:
        """The variant, what was measured, and the number of further runs with the same finding."""
        others = len(self.repeats) - 1
        more = f" (The same in {pluralise(others, 'more run')}.)" if others else ""
        return f"{self.finding.variant}: {self.finding.sentence}{more}"
