"""The menu of what can be asked of a training, with its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractButton, QMenu, QWidget

from gui.experiment.experiment_tab import ExperimentTab


@dataclass(frozen=True)
class Item:
    """An action that presses a button, the first there is of ``buttons``.

    It belongs to the tab in front, whatever that shows, or else to the tab whose experiment is under way.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    buttons: tuple[str, ...]
    in_front: bool = False


ITEMS = (
    Item("run", "&Run or queue", ("Ctrl+R", "F5"), ("run", "run_again"), in_front=True),
    Item("pause", "&Pause or resume", ("F6",), ("pause",)),
    Item("step", "&Step to the next record", ("F10",), ("step",)),
    Item("rate", "Set learning r&ate", ("F7",), ()),
    Item("skip", "S&kip run", ("F8",), ("skip",)),
    Item("stop", "S&top and keep", ("Shift+F5",), ("stop",)),
    Item("cancel", "&Cancel", ("Ctrl+Shift+F5",), ("cancel",)),
    Item("resume", "G&o on with what was interrupted", ("Shift+F6",), ("resume",), in_front=True),
    Item("repeats", "Add r&epeats…", ("Ctrl+Shift+A",), ("repeats", "add_repeats"), in_front=True),
    Item("export", "E&xport…", ("Ctrl+E",), ("export",), in_front=True),
)
RATE_GOES_WITH = "pause"  # a rate can be set while its training can be held


class TrainingMenu(QMenu):
    """Asks for the tab in front and the one at work whenever it is used.

    Args:
        in_front: the tab in front.
        at_work: the tab whose experiment is under way, if one is.
    """

    def __init__(
        self, in_front: Callable[[], QWidget], at_work: Callable[[], ExperimentTab | None], parent: QWidget
    ) -> None:
        super().__init__("&Training", parent)
        self.setObjectName("training_menu")
        self._in_front, self._at_work = in_front, at_work
        self._actions = {item: self._add(item) for item in ITEMS}
        self.aboutToShow.connect(lambda: self._enable(self._can))
        # A key must be heard whatever the menu showed last.
        self.aboutToHide.connect(lambda: self._enable(lambda _item: True))

    def _add(self, item: Item) -> QAction:
        action = self.addAction(item.text)
        action.setObjectName(f"training_{item.name}")
        action.setShortcuts([QKeySequence(keys) for keys in item.keys])
        action.triggered.connect(lambda _checked=False: self._do(item))
        return action

    def _do(self, item: Item) -> None:
        if item.buttons:
            if (button := self._button(item)) is not None:
                button.click()
        elif (tab := self._at_work()) is not None and self._can(item):
            tab.controls.focus_rate()

    def _can(self, item: Item) -> bool:
        button = self._button(item)
        return button is not None and button.isEnabled()

    def _button(self, item: Item) -> QAbstractButton | None:
        tab = self._in_front() if item.in_front else self._at_work()
        if tab is None:
            return None
        names = item.buttons or (RATE_GOES_WITH,)
        return next((found for name in names if (found := tab.findChild(QAbstractButton, name)) is not None), None)

    def _enable(self, can: Callable[[Item], bool]) -> None:
        for item, action in self._actions.items():
            action.setEnabled(can(item))
