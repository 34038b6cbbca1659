"""The colour of a variant, the same in every plot and figure.

Okabe and Ito's eight colours, which people with any of the common colour vision deficiencies can tell apart (M. Okabe
and K. Ito, "Color Universal Design", 2008), without black and yellow, which vanish on a dark or a light background.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.config.specs import RunSpec

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")

# As many patterns as there are activations: solid, dashed, dotted, and what can still be told from these.
DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (4, 2),
    (1, 1.5),
    (6, 2, 1, 2),
    (9, 3),
    (6, 2, 1, 2, 1, 2),
    (3, 1.5, 3, 5),
)


@dataclass(frozen=True)
class Style:
    """How a variant is drawn: the position of its colour and of its line pattern (0: solid, 1: dashed, ...)."""

    colour: int = 0
    pattern: int = 0

    @property
    def hex(self) -> str:
        """The colour as #RRGGBB."""
        return colour_of(self.colour)

    @property
    def dashes(self) -> tuple[float, ...]:
        """Lengths of dashes and gaps in turn, in widths of the line; empty for a solid one."""
        return DASHES[self.pattern % len(DASHES)]


def styles(runs: Iterable[RunSpec]) -> dict[str, Style]:
    """A style for each variant of a plan.

    Where variants differ in architecture and in activation, the colour says which architecture and the pattern which
    activation; else each variant has a colour of its own.
    """
    variants: dict[str, RunSpec] = {}
    for run in runs:
        variants.setdefault(run.variant, run)
    architectures = list(dict.fromkeys(run.architecture for run in variants.values()))
    activations = list(dict.fromkeys(run.network.activation for run in variants.values()))
    if min(len(architectures), len(activations)) < 2:
        return {name: Style(position) for position, name in enumerate(variants)}
    return {
        name: Style(architectures.index(run.architecture), activations.index(run.network.activation))
        for name, run in variants.items()
    }


def colour_of(position: int) -> str:
    """The colour, as #RRGGBB, of the variant at ``position`` (from 0) of an experiment's plan."""
    return COLOURS[position % len(COLOURS)]


def distinct_styles() -> tuple[Style, ...]:
    """Every look there is, no two alike: all colours in solid lines first, then in the next pattern."""
    return tuple(Style(colour, pattern) for pattern in range(len(DASHES)) for colour in range(len(COLOURS)))
