"""The menu of what can be asked of a training: the actions of the tab in front, and those of the tab at work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QTabWidget, QWidget

from gui.experiment.experiment_tab import ExperimentTab

NOTHING = "Nothing to train in this tab"


@runtime_checkable
class Trains(Protocol):
    """A tab in which a training can be asked for."""

    @property
    def training_actions(self) -> Sequence[QAction]:
        """Run first, then what can be done with what is stored."""


class TrainingMenu(QMenu):
    """Filled anew whenever it opens or another tab comes to the front.

    Args:
        tabs: all of them.
        at_work: the tab whose experiment is under way, if one is.
        parent: the window.
    """

    def __init__(self, tabs: QTabWidget, at_work: Callable[[], ExperimentTab | None], parent: QWidget) -> None:
        super().__init__("&Training", parent)
        self.setObjectName("training_menu")
        self._tabs, self._at_work = tabs, at_work
        self.aboutToShow.connect(self._fill)
        # An action of a tab that is out of sight must not hear its keys here.
        tabs.currentChanged.connect(lambda _position: self._fill())
        self._fill()

    def _fill(self) -> None:
        self.clear()
        front = self._tabs.currentWidget()
        offered = front.training_actions if isinstance(front, Trains) else ()
        steered = self._at_work() or front
        steering = steered.controls.steering if isinstance(steered, ExperimentTab) else ()
        self.addActions([*offered[:1], *steering, *offered[1:]])
        if self.isEmpty():
            self.addAction(NOTHING).setEnabled(False)
