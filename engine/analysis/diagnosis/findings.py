"""What can be found in the curves of a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.utils.text import pluralise


class FindingKind(StrEnum):
    """What a curve can show, the gravest first."""

    DIVERGING = "diverging"
    CHANCE_PLATEAU = "plateau at ln(classes)"
    VANISHING_GRADIENT = "vanishing gradient"
    DEAD_UNITS = "dead units"
    OVERFITTING = "overfitting"
    UPDATES_TOO_LARGE = "updates too large"
    UPDATES_TOO_SMALL = "updates too small"


@dataclass(frozen=True)
class Finding:
    """Something seen in the curves of run ``run`` (its number in the store) of a variant, up to step ``step``.

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
    """The newest of the findings of one kind in a variant, and the repeats in which it was found."""

    finding: Finding
    repeats: tuple[int, ...]

    @property
    def text(self) -> str:
        """The variant, what was measured, and in how many runs more."""
        others = len(self.repeats) - 1
        more = f" ({pluralise(others, 'more run')} alike)" if others else ""
        return f"{self.finding.variant}: {self.finding.sentence}{more}"
