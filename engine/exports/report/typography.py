"""Typography shared by the renderers of a report."""

from __future__ import annotations

import re

# Before a unit, and on both sides of a sign that joins two numbers.
_GAPS = re.compile(r"(?<=\d) (?=%|±|ms\b|s\b|points\b|nats\b|times\b)|(?<=±) | (?==)|(?<==) |(?<=p <) |(?<=p) (?=<)")
_NO_BREAK = "\u00a0"


def nonbreaking(text: str) -> str:
    """Join numbers with their units and signs by no-break spaces: ``93.4 ± 0.5 %``, ``n = 3``."""
    return _GAPS.sub(_NO_BREAK, text)
