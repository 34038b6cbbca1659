"""The colour of a variant, the same in every plot and figure.

Okabe and Ito's eight colours, which people with any of the common colour vision deficiencies can tell apart (M. Okabe
and K. Ito, "Color Universal Design", 2008), without black and yellow, which vanish on a dark or a light background.
"""

from __future__ import annotations

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")


def colour_of(position: int) -> str:
    """The colour, as #RRGGBB, of the variant at ``position`` (from 0) of an experiment's plan."""
    return COLOURS[position % len(COLOURS)]
