"""Widgets with a name for scripts, a name for screen readers and a tool tip."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QPushButton, QWidget

Named = TypeVar("Named", bound=QWidget)


def named(widget: Named, name: str, accessible: str, tip: str = "") -> Named:
    """Give ``widget`` its objectName, its accessible name and its tool tip."""
    widget.setObjectName(name)
    widget.setAccessibleName(accessible)
    widget.setToolTip(tip)
    return widget


def push_button(name: str, text: str, tip: str) -> QPushButton:
    """A button whose text is its accessible name."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button
