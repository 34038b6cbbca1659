"""Words of users shown as they wrote them: Qt takes what looks like HTML for it."""

from __future__ import annotations

from html import escape

from PySide6.QtGui import Qt


def literally(text: str) -> str:
    """``text`` for a tool tip or a label that can't be told to show plain text."""
    if not Qt.mightBeRichText(text):
        return text
    return f"<span>{escape(text)}</span>".replace("\n", "<br>")
