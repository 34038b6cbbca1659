"""What must not be torn apart at the end of a line."""

from __future__ import annotations

import re

# Before a unit, and on both sides of a sign that joins two numbers.
_GAPS = re.compile(r"(?<=\d) (?=%|±|ms\b|s\b|points\b|nats\b|times\b)|(?<=±) | (?==)|(?<==) |(?<=p <) |(?<=p) (?=<)")
_NO_BREAK = "\u00a0"


def tied(text: str) -> str:
    """``text`` whose numbers stay with their units and signs: ``93.4 ± 0.5 %``, ``n = 3``."""
    return _GAPS.sub(_NO_BREAK, text)
