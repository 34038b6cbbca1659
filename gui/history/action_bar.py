"""Buttons and context menu of the actions on stored experiments."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QGridLayout, QMenu, QWidget

from gui.history.actions import ACTIONS, ActionKind, Choice, ExperimentActions
from gui.widgets.actions import action_button, make_action


class ActionBar(QWidget):
    """Buttons for actions on experiments.

    Args:
        actions: performs the actions.
        names: names of the actions shown.
        columns: number of buttons per row.
        keyed: the widget in which the shortcuts work; without it only those that work anywhere are set.
    """

    def __init__(
        self, actions: ExperimentActions, names: Iterable[str], columns: int, keyed: QWidget | None = None
    ) -> None:
        super().__init__()
        self._actions, self._choice = actions, Choice()
        self._made: dict[str, QAction] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        for position, name in enumerate(names):
            self._made[name] = action = self._action(ACTIONS[name], keyed)
            grid.addWidget(action_button(action, name), *divmod(position, columns))
        self.show_choice(Choice())

    def show_choice(self, choice: Choice) -> None:
        """Enable the actions that are possible for ``choice``."""
        self._choice = choice
        for name, action in self._made.items():
            action.setEnabled(ACTIONS[name].possible(choice))

    @property
    def training_actions(self) -> list[QAction]:
        """Actions for the Training menu."""
        return [self._made[name] for name in ("run_again", "resume", "add_repeats", "export")]

    def menu(self, parent: QWidget) -> QMenu:
        """Return a menu of all actions."""
        menu = QMenu(parent)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(list(self._made.values()))
        return menu

    def _action(self, kind: ActionKind, keyed: QWidget | None) -> QAction:
        keys = kind.keys if kind.anywhere or keyed is not None else ()
        action = make_action(self, f"{kind.name}_action", kind.text, kind.tip, keys)
        action.triggered.connect(lambda _checked=False: self._actions.perform(kind.name, self._choice))
        if keyed is not None and not kind.anywhere:
            # Elsewhere these keys belong to the focused widget, such as the notes.
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            keyed.addAction(action)
        return action
