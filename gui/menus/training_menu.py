"""The Training menu: actions of the current tab, and controls of the running experiment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QTabWidget, QWidget

from gui.experiment.experiment_tab import ExperimentTab

NOTHING = "Nothing to train in this tab"


@runtime_checkable
class OffersTraining(Protocol):
    """A tab that offers training actions."""

    @property
    def training_actions(self) -> Sequence[QAction]:
        """Run first, then the actions on the stored experiment."""


class TrainingMenu(QMenu):
    """Rebuilt whenever it opens or the current tab changes.

    Args:
        tabs: all tabs.
        active: returns the tab whose experiment is running, if any.
        parent: the window.
    """

    def __init__(self, tabs: QTabWidget, active: Callable[[], ExperimentTab | None], parent: QWidget) -> None:
        super().__init__("&Training", parent)
        self.setObjectName("training_menu")
        self._tabs, self._active = tabs, active
        self.aboutToShow.connect(self._fill)
        # Shortcuts of hidden tabs' actions must not work here.
        tabs.currentChanged.connect(lambda _position: self._fill())
        self._fill()

    def _fill(self) -> None:
        self.clear()
        front = self._tabs.currentWidget()
        offered = front.training_actions if isinstance(front, OffersTraining) else ()
        controlled = self._active() or front
        control_actions = controlled.controls.control_actions if isinstance(controlled, ExperimentTab) else ()
        self.addActions([*offered[:1], *control_actions, *offered[1:]])
        if self.isEmpty():
            self.addAction(NOTHING).setEnabled(False)
