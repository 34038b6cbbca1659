"""The menu of what can be asked of a training, with its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from gui.tabs.experiment_tab import ExperimentTab


@dataclass(frozen=True)
class Item:
    """An action that presses a button of a tab: of the one in front, or of the one whose experiment is under way."""

    button: str
    text: str
    keys: tuple[str, ...]
    in_front: bool = False


ITEMS = (
    Item("run", "&Run or queue", ("Ctrl+R", "F5"), in_front=True),
    Item("pause", "&Pause or resume", ("F6",)),
    Item("step", "&Step to the next record", ("F10",)),
    Item("rate", "Set learning r&ate", ("F7",)),
    Item("skip", "S&kip run", ("F8",)),
    Item("stop", "S&top and keep", ("Shift+F5",)),
    Item("cancel", "&Cancel", ("Ctrl+Shift+F5",)),
    Item("repeats", "Add r&epeats…", ("Ctrl+Shift+A",), in_front=True),
    Item("export", "E&xport…", ("Ctrl+E",), in_front=True),
)


class TrainingMenu(QMenu):
    """Asks for the tab in front and the one at work whenever it is used.

    Args:
        in_front: the experiment tab in front, if one is.
        at_work: the tab whose experiment is under way, if one is.
    """

    def __init__(
        self, in_front: Callable[[], ExperimentTab | None], at_work: Callable[[], ExperimentTab | None], parent: QWidget
    ) -> None:
        super().__init__("&Training", parent)
        self.setObjectName("training_menu")
        self._in_front, self._at_work = in_front, at_work
        self._actions = {item: self._add(item) for item in ITEMS}
        self.aboutToShow.connect(self._show_what_can_be_done)
        # A key must be heard whatever the menu showed last.
        self.aboutToHide.connect(lambda: self._enable(lambda _item: True))

    def _add(self, item: Item) -> QAction:
        action = self.addAction(item.text)
        action.setObjectName(f"training_{item.button}")
        action.setShortcuts([QKeySequence(keys) for keys in item.keys])
        action.triggered.connect(lambda _checked=False: self._do(item))
        return action

    def _do(self, item: Item) -> None:
        tab = self._tab(item)
        if tab is None:
            return
        if item.button == "rate":
            tab.controls.focus_rate()
        else:
            tab.press(item.button)

    def _tab(self, item: Item) -> ExperimentTab | None:
        return self._in_front() if item.in_front else self._at_work()

    def _can(self, item: Item) -> bool:
        tab = self._tab(item)
        return tab is not None and tab.can_press("pause" if item.button == "rate" else item.button)

    def _show_what_can_be_done(self) -> None:
        self._enable(self._can)

    def _enable(self, can: Callable[[Item], bool]) -> None:
        for item, action in self._actions.items():
            action.setEnabled(can(item))
