"""Sizes on disk as a person says them."""

from __future__ import annotations


def as_size(count: int) -> str:
    """Such as ``0``, ``812 kB`` or ``170.5 MB``: powers of ten, as disks and downloads are measured."""
    if count < 1000:
        return f"{count} B" if count else "0"
    value, unit = count / 1000, "kB"
    for larger in ("MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 100 or unit == "kB" else f"{value:.1f} {unit}"
