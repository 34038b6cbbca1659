"""Actions, each made once, and the buttons that show them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QSizePolicy, QToolButton

# What is asked for in an experiment's own tab and of a stored one has the same keys.
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
    """An action with objectName ``name``: ``text`` in a menu, ``label`` on a button, the first key in the tool tip."""
    action = QAction(text, parent)
    action.setObjectName(name)
    action.setIconText(text if label is None else label)  # Qt's own would leave out the dots
    action.setShortcuts([QKeySequence(each) for each in keys])
    action.setToolTip(with_key(tip, keys))
    return action


def with_key(tip: str, keys: Sequence[str]) -> str:
    """A tool tip that names the first key."""
    return f"{tip} ({keys[0]})" if keys else tip


def action_button(action: QAction, name: str) -> QToolButton:
    """A button that shows an action and triggers it."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setObjectName(name)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return button
