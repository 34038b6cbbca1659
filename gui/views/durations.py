"""Durations as a person says them."""

from __future__ import annotations


def as_duration(seconds: float) -> str:
    """Such as ``8 s``, ``4 min 05 s`` or ``2 h 10 min``."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
