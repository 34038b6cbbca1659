"""Help > Keys lists every shortcut."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QPushButton, QTableWidget

from gui.dialogs.keys import KeysDialog
from gui.menus.shortcuts import WIDGET_SHORTCUTS, Shortcut, shortcuts_of
from tests.gui.conftest import MakeWindow
from tests.gui.support import find, tab_of

pytestmark = pytest.mark.builds_pages_early


def native(*keys: str) -> str:
    return ", ".join(QKeySequence(each).toString(QKeySequence.SequenceFormat.NativeText) for each in keys)


def test_every_action_with_keys_and_every_shortcut_is_named(make_window: MakeWindow) -> None:
    window = make_window()
    assert tab_of(window).board is not None, "its shortcuts are listed, too"
    found = shortcuts_of(window)
    named = {each for key in found for each in key.keys.split(", ")}
    bound = [*window.findChildren(QAction), *window.findChildren(QAbstractButton), *window.findChildren(QShortcut)]
    first = {keys.toString(QKeySequence.SequenceFormat.NativeText) for each in bound if (keys := first_of(each))}
    assert {native("F6"), native("Ctrl+K"), native("Ctrl+0"), native("Ctrl+F"), native("F1")} <= first - {""}
    assert first - {""} <= named
    assert all(key.action and key.place for key in found)


def first_of(owner: QAction | QAbstractButton | QShortcut) -> QKeySequence | None:
    """The first shortcut of an action, unless it is a mnemonic."""
    if isinstance(owner, QAbstractButton):
        return owner.shortcut() if owner.shortcut() != QKeySequence.mnemonic(owner.text()) else None
    return next(iter(owner.shortcuts() if isinstance(owner, QAction) else owner.keys()), None)


def test_places_are_menus_tabs_and_panels(make_window: MakeWindow) -> None:
    window = make_window()
    assert tab_of(window).board is not None, "its shortcuts are listed, too"
    found = shortcuts_of(window)
    expected = {
        Shortcut("Training", "Run or queue", native("Ctrl+R", "F5")),
        Shortcut("Help", "Keys", native("F1")),
        Shortcut("History", "Compare", native("Ctrl+K")),
        Shortcut("History", "Tick the chosen experiments", native("Space")),
        Shortcut("Try it", "Undo", native("Ctrl+Z")),
        Shortcut("Queue", "Up", native("Alt+Up")),
        Shortcut("Experiments", "Reset zoom", native("Ctrl+0")),
    }
    assert expected <= set(found)
    assert [key.place for key in found] == sorted(key.place for key in found)
    assert len(set(found)) == len(found), "what every experiment has is told of once"


def test_f1_shows_them_in_a_table(make_window: MakeWindow) -> None:
    window = make_window()
    seen: list[str] = []

    def look() -> None:
        dialog = window.findChild(KeysDialog)
        assert dialog is not None
        table = find(dialog, QTableWidget, "keys")
        seen.extend([table.item(row, 2).text() for row in range(table.rowCount())])
        find(dialog, QPushButton, "keys_close").click()

    QTimer.singleShot(0, look)
    action = find(window, QAction, "keys")
    assert action.shortcut() == QKeySequence("F1")
    action.trigger()
    assert {does for _, does, _ in WIDGET_SHORTCUTS} <= set(seen)
    assert "Pause or resume" in seen
