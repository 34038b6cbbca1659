"""Text for the window: file sizes, plain text where Qt would detect rich text, and the mark of what is training."""

from __future__ import annotations

from html import escape

from PySide6.QtGui import Qt

TRAINING_MARK = "●"


def literally(text: str) -> str:
    """Escape ``text`` for a tool tip or label that has no plain-text mode and would interpret HTML."""
    if not Qt.mightBeRichText(text):
        return text
    return f"<span>{escape(text)}</span>".replace("\n", "<br>")


def as_size(count: int) -> str:
    """Format a number of bytes as ``0``, ``812 kB`` or ``170.5 MB``, in powers of ten."""
    if count < 1000:
        return f"{count} B" if count else "0"
    value, unit = count / 1000, "kB"
    for larger in ("MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if value >= 100 or unit == "kB" else f"{value:.1f} {unit}"
