"""Actions shared by menus and buttons."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QSizePolicy, QToolButton

# An experiment's own tab and the tab of a stored one use the same shortcuts.
KEYS = {
    "run": ("Ctrl+R", "F5"),
    "pause": ("F6",),
    "step": ("F10",),
    "rate": ("F7",),
    "skip": ("F8",),
    "stop": ("Shift+F5",),
    "cancel": ("Ctrl+Shift+F5",),
    "resume": ("Shift+F6",),
    "repeats": ("Ctrl+Shift+A",),
    "export": ("Ctrl+E",),
}


def make_action(
    parent: QObject, name: str, text: str, tip: str, keys: Sequence[str] = (), label: str | None = None
) -> QAction:
    """Create an action.

    Args:
        parent: owner of the action.
        name: its objectName.
        text: text in a menu.
        tip: tool tip, to which the first shortcut is appended.
        keys: shortcuts.
        label: text on a button; None uses ``text``.
    """
    action = QAction(text, parent)
    action.setObjectName(name)
    action.setIconText(text if label is None else label)  # Qt's default strips the ellipsis
    action.setShortcuts([QKeySequence(each) for each in keys])
    action.setToolTip(with_key(tip, keys))
    return action


def with_key(tip: str, keys: Sequence[str]) -> str:
    """Return ``tip`` followed by the first shortcut in parentheses."""
    return f"{tip} ({keys[0]})" if keys else tip


def action_button(action: QAction, name: str) -> QToolButton:
    """Create a button that displays and triggers an action."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setObjectName(name)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button
