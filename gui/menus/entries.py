"""Menus built from tables, and actions to switch tabs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QTabWidget

KEYS = "1234567890-"  # with Alt, for the first eleven tabs: the row of digits, and the key after it


@dataclass(frozen=True)
class MenuEntry:
    """A menu entry: objectName, text, slot, and shortcuts, of which the first is shown."""

    name: str
    text: str
    slot: Callable[[], object]
    keys: tuple[QKeySequence | QKeySequence.StandardKey | str, ...] = ()


def fill_menu(window: QMainWindow, menu: QMenu, entries: Iterable[MenuEntry | None]) -> list[QAction]:
    """Add an action for each entry and a separator for each None; return the actions."""
    actions = []
    for entry in entries:
        if entry is None:
            menu.addSeparator()
            continue
        action = QAction(entry.text, window)
        action.setObjectName(entry.name)
        action.triggered.connect(lambda _checked=False, slot=entry.slot: slot())
        action.setShortcuts([QKeySequence(key) for key in entry.keys])
        menu.addAction(action)
        actions.append(action)
    return actions


def add_tab_actions(window: QMainWindow, menu: QMenu, tabs: QTabWidget) -> None:
    """Add actions for the next, the previous and each of the present tabs."""

    def step(by: int) -> None:
        tabs.setCurrentIndex((tabs.currentIndex() + by) % tabs.count())

    menu.addSeparator()
    entries = [
        MenuEntry("next_tab", "&Next tab", lambda: step(1), ("Ctrl+PgDown", "Ctrl+Tab")),
        MenuEntry("previous_tab", "&Previous tab", lambda: step(-1), ("Ctrl+PgUp", "Ctrl+Shift+Tab")),
    ]
    fill_menu(window, menu, entries)
    entries = []
    for position in range(tabs.count()):
        key = KEYS[position] if position < len(KEYS) else ""
        number, title = str(position + 1), tabs.tabText(position)
        # A digit can be underlined only once in a menu.
        text = f"{number[:-1]}&{number[-1]} {title}" if key.isdigit() else f"{number} &{title}"
        keys = (f"Alt+{key}",) if key else ()
        entries.append(MenuEntry(f"go_to_tab_{number}", text, partial(tabs.setCurrentIndex, position), keys))
    fill_menu(window, menu.addMenu("&Tab"), entries)
