"""Choice of the colour scheme in the View menu."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QSettings
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QApplication, QMainWindow, QMenu

from gui.menus.entries import MenuEntry, fill_menu
from gui.utils.theme import Scheme, apply_scheme, stored_scheme


class SchemeMenu(QObject):
    """One checkable action per colour scheme; the choice is stored."""

    def __init__(self, window: QMainWindow, menu: QMenu, settings: QSettings) -> None:
        super().__init__(window)
        self._settings = settings
        entries = [
            MenuEntry(f"scheme_{scheme}", f"&{scheme.capitalize()}", partial(self._use, scheme)) for scheme in Scheme
        ]
        self._actions = dict(zip(Scheme, fill_menu(window, menu, entries), strict=True))
        group = QActionGroup(window)
        for action in self._actions.values():
            action.setCheckable(True)
            group.addAction(action)
        self.tick(stored_scheme(settings))

    def tick(self, scheme: Scheme) -> None:
        """Mark ``scheme`` as the current one."""
        self._actions[scheme].setChecked(True)

    def _use(self, scheme: Scheme) -> None:
        self._settings.setValue("scheme", scheme.value)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_scheme(app, scheme)
