"""List of watched folders, with their experiments below them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QTreeWidget, QTreeWidgetItem

from engine.events.watching import FolderWatched, WatchedExperiment
from engine.utils.text import pluralise
from gui.utils.text import TRAINING_MARK, literally
from gui.widgets.factories import named

FOLDER, NUMBER = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class FolderList(QTreeWidget):
    """A row for each folder or file, and below it one for each of its experiments, the newest first.

    Emits ``chosen()`` when the user chose another row.
    """

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        named(self, "watch_list", "Watched folders and their experiments")
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # a path's ends tell more than its middle
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setIndentation(14)
        self.currentItemChanged.connect(lambda _now, _before: self.chosen.emit())

    @property
    def folder(self) -> str | None:
        """The chosen folder, or that of the chosen experiment."""
        item = self.currentItem()
        return None if item is None else str(item.data(0, FOLDER))

    @property
    def number(self) -> int | None:
        """The chosen experiment; None if a folder is chosen, or nothing."""
        item = self.currentItem()
        number = None if item is None else item.data(0, NUMBER)
        return None if number is None else int(number)

    @property
    def numbers(self) -> list[int]:
        """All experiments, from top to bottom."""
        return [row.data(0, NUMBER) for item in self._folders() for row in _rows_of(item)]

    def show_folder(self, state: FolderWatched) -> None:
        """Show the state of a folder, a new one at the end; the choice is kept."""
        with QSignalBlocker(self):
            item = self._folder(state.folder) or self._add(state.folder)
            item.setText(0, _folder_text(state))
            kept = {each.number for each in state.experiments}
            for row in _rows_of(item):
                if row.data(0, NUMBER) not in kept:
                    item.removeChild(row)
            for position, experiment in enumerate(sorted(state.experiments, key=lambda each: -each.number)):
                self._show_experiment(item, position, experiment)
            item.setExpanded(True)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder and its experiments."""
        if (item := self._folder(folder)) is not None:
            with QSignalBlocker(self):
                self.takeTopLevelItem(self.indexOfTopLevelItem(item))

    def choose(self, number: int) -> bool:
        """Choose an experiment without emitting ``chosen``; return whether it is listed."""
        for item in self._folders():
            for row in _rows_of(item):
                if row.data(0, NUMBER) == number:
                    with QSignalBlocker(self):
                        self.setCurrentItem(row)
                    return True
        return False

    def choose_folder(self, folder: str) -> None:
        """Choose a folder without emitting ``chosen``."""
        if (item := self._folder(folder)) is not None:
            with QSignalBlocker(self):
                self.setCurrentItem(item)

    def _folders(self) -> list[QTreeWidgetItem]:
        items = (self.topLevelItem(row) for row in range(self.topLevelItemCount()))
        return [item for item in items if item is not None]

    def _folder(self, folder: str) -> QTreeWidgetItem | None:
        return next((item for item in self._folders() if item.data(0, FOLDER) == folder), None)

    def _add(self, folder: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem()
        item.setData(0, FOLDER, folder)
        item.setToolTip(0, literally(folder))
        bold = self.font()
        bold.setBold(True)
        item.setFont(0, bold)
        self.addTopLevelItem(item)
        return item

    def _show_experiment(self, parent: QTreeWidgetItem, position: int, experiment: WatchedExperiment) -> None:
        """Show an experiment in a row; rows are inserted where they are missing."""
        item = parent.child(position)
        if item is None or item.data(0, NUMBER) != experiment.number:
            item = QTreeWidgetItem()
            item.setData(0, FOLDER, parent.data(0, FOLDER))
            item.setData(0, NUMBER, experiment.number)
            parent.insertChild(position, item)
        mark = f"{TRAINING_MARK} " if experiment.running else ""
        item.setText(0, f"{mark}{experiment.name}\n{state_of(experiment)}")
        item.setToolTip(0, literally(f"#{experiment.number} {experiment.name}: {state_of(experiment)}"))
        spoken = f"{experiment.name}, {'training, ' if experiment.running else ''}{state_of(experiment)}"
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, spoken)


def _rows_of(folder: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    rows = (folder.child(position) for position in range(folder.childCount()))
    return [row for row in rows if row is not None]


def state_of(experiment: WatchedExperiment) -> str:
    """Describe the runs of an experiment, such as ``2 running, 4 finished``."""
    counts = (("running", experiment.running), *experiment.ended)
    return ", ".join(f"{count:,} {name}" for name, count in counts if count) or "no runs yet"


def _folder_text(state: FolderWatched) -> str:
    home, shown = str(Path.home()), state.folder
    if shown.startswith(home) and len(home) > 1:
        shown = f"~{shown.removeprefix(home)}"
    if state.reading:
        return f"{shown}\nreading what is there …"
    return f"{shown}\n{pluralise(len(state.problems), 'problem')}" if state.problems else shown
