"""Colour and line pattern of a variant, the same in every plot and figure.

The palette is Okabe and Ito's, distinguishable under the common colour vision deficiencies (M. Okabe and K. Ito, "Color
Universal Design", 2008), without black and yellow, which have no contrast on a dark or a light background.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.config.specs import BaseRunSpec

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")

# As many patterns as there are activations: solid, dashed, dotted, and others distinguishable from these.
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
    """Style of a variant: index of its colour and of its line pattern (0: solid, 1: dashed, ...)."""

    colour: int = 0
    pattern: int = 0

    @property
    def hex(self) -> str:
        """The colour as #RRGGBB."""
        return colour_of(self.colour)

    @property
    def dashes(self) -> tuple[float, ...]:
        """Alternating lengths of dashes and gaps in line widths; empty for a solid line."""
        return DASHES[self.pattern % len(DASHES)]


def styles(runs: Iterable[BaseRunSpec]) -> dict[str, Style]:
    """Assign a style to each variant of a plan.

    Where variants differ in both architecture and activation, colour encodes the architecture and pattern the
    activation; otherwise each variant has its own colour.
    """
    variants: dict[str, tuple[str, str]] = {}
    for run in runs:
        variants.setdefault(run.variant, run.look)
    architectures = list(dict.fromkeys(architecture for architecture, _ in variants.values()))
    activations = list(dict.fromkeys(activation for _, activation in variants.values()))
    if min(len(architectures), len(activations)) < 2:
        return {name: Style(position) for position, name in enumerate(variants)}
    return {
        name: Style(architectures.index(architecture), activations.index(activation))
        for name, (architecture, activation) in variants.items()
    }


def colour_of(position: int) -> str:
    """Return the colour (#RRGGBB) of the variant at ``position`` (from 0) of a plan."""
    return COLOURS[position % len(COLOURS)]


def distinct_styles() -> tuple[Style, ...]:
    """Return all distinct styles: all colours in solid lines first, then in the next pattern."""
    return tuple(Style(colour, pattern) for pattern in range(len(DASHES)) for colour in range(len(COLOURS)))
