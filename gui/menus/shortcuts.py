"""All keyboard shortcuts of a window, including keys that widgets handle themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QDockWidget, QMainWindow, QMenu, QTabWidget, QWidget

from gui.boards.training_board import TrainingBoard
from gui.widgets.deferred_page import DeferredPage

ANYWHERE, EXPERIMENTS = "Anywhere", "Experiments"


@dataclass(frozen=True)
class Shortcut:
    """Where a shortcut works, what it does, and its keys in readable form, such as ``Ctrl+R, F5``."""

    place: str
    action: str
    keys: str


# Keys handled in key events of focused widgets, which Qt can't list.
WIDGET_SHORTCUTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Plots", "Move the cursor to the next record or pixel", ("Left", "Right")),
    ("Plots", "Move the cursor faster", ("Shift+Left", "Shift+Right")),
    ("Plots", "Move the cursor to the first or last record", ("Home", "End")),
    ("Plots", "Take the cursor away", ("Esc",)),
    ("Legend", "Show or hide the variant", ("Space",)),
    ("Legend", "Show the variant alone, then all", ("Ctrl+Space",)),
    ("History", "Tick the chosen experiments", ("Space",)),
    ("Queue", "Take the chosen experiment out", ("Del",)),
    ("Convolution", "Choose another output, or another pixel", ("Left", "Right", "Up", "Down")),
)


def shortcuts_of(window: QMainWindow) -> list[Shortcut]:
    """Return the shortcuts of ``window``, sorted by place; without mnemonics, which are visible."""
    for page in window.findChildren(DeferredPage):
        page.build()  # else its shortcuts would be missing just after the start
    places: dict[tuple[str, str], set[str]] = {}
    for owner, action, sequences in _bound(window):
        if keys := _written(sequences):
            places.setdefault((action, keys), set()).add(_place(owner, window))
    found = [Shortcut(place, action, _written(map(QKeySequence, keys))) for place, action, keys in WIDGET_SHORTCUTS]
    menus = {_plain(menu.title()) for menu in window.findChildren(QMenu)}
    for what, where in places.items():  # shortcuts common to all experiments are listed once
        several = next((place for place in where if place in menus), EXPERIMENTS)
        found.append(Shortcut(where.pop() if len(where) == 1 else several, *what))
    return sorted(found, key=lambda key: key.place)


def _bound(window: QMainWindow) -> Iterator[tuple[QObject, str, Iterable[QKeySequence]]]:
    """Yield each object with shortcuts, its description and its shortcuts."""
    for action in window.findChildren(QAction):
        yield action, _plain(action.text()), action.shortcuts()
    for button in window.findChildren(QAbstractButton):
        if button.shortcut() != QKeySequence.mnemonic(button.text()):
            yield button, _plain(button.text()), [button.shortcut()]
    for shortcut in window.findChildren(QShortcut):
        yield shortcut, shortcut.whatsThis(), shortcut.keys()


def _plain(text: str) -> str:
    return text.replace("&", "").rstrip("…")


def _written(sequences: Iterable[QKeySequence]) -> str:
    """Format as ``Ctrl+W, Ctrl+F4``; multimedia and browser keys, which Qt binds too, are left out."""
    named = [each for each in sequences if not each.isEmpty() and each[0].key() < Qt.Key.Key_Back]  # type: ignore[index]
    return ", ".join(each.toString(QKeySequence.SequenceFormat.NativeText) for each in named)


def _place(owner: QObject, window: QMainWindow) -> str:
    """Return the title of the menu, tab or panel that ``owner`` belongs to."""
    if isinstance(owner, QAction):
        menus = [each.title() for each in owner.associatedObjects() if isinstance(each, QMenu) and each.title()]
        if menus:
            return _plain(menus[0])
    tabs = cast(QTabWidget, window.findChild(QTabWidget, "tabs"))
    parent = owner.parent()
    while parent is not None:
        if isinstance(parent, TrainingBoard):  # all of them have the same shortcuts
            return EXPERIMENTS
        if isinstance(parent, QDockWidget):
            return parent.windowTitle()
        if isinstance(parent, QWidget) and (position := tabs.indexOf(parent)) >= 0:
            return tabs.tabText(position)
        parent = parent.parent()
    return ANYWHERE
