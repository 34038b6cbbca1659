"""Generic board of a computed experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem, QVBoxLayout

from engine.events.experiments import Computed
from engine.utils.arrays import Array
from gui.boards.board import Board, View
from gui.observations.experiment import Observations

HINT = "Press Run: what the experiment finds will stand here."


class ComputedTree(QTreeWidget):
    """The findings by name, and dtype, shape and range of every array."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("computed")
        self.setAccessibleName("What was computed")
        self.setHeaderLabels(["Name", "Value"])
        self.setAlternatingRowColors(True)
        self._shown: Computed | None = None
        self.begin(Observations())

    def begin(self, _observations: Observations) -> None:
        """Clear the results of an earlier run."""
        self._shown = None
        self.clear()
        self.addTopLevelItem(QTreeWidgetItem([HINT]))
        self.setFirstColumnSpanned(0, self.rootIndex(), True)

    def refresh(self, observations: Observations) -> None:
        """Show the results when available."""
        if observations.computed is None or observations.computed is self._shown:
            return
        self._shown = observations.computed
        self.clear()
        described = {name: _described(array) for name, array in self._shown.arrays.items()}
        self.addTopLevelItems(list(_items(self._shown.findings | ({"arrays": described} if described else {}))))
        self.expandAll()
        self.resizeColumnToContents(0)


class ComputedBoard(Board):
    """The results of any computed experiment, as stored."""

    def __init__(self) -> None:
        super().__init__()
        self._tree = ComputedTree()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._tree)

    def views(self) -> Sequence[View]:
        """The tree."""
        return (self._tree,)


def computed_board() -> Board:
    """Create the generic board of a computed experiment."""
    return ComputedBoard()


def _items(values: Mapping[str, Any]) -> Iterator[QTreeWidgetItem]:
    for name, value in values.items():
        if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
            value = {str(number): each for number, each in enumerate(value, start=1)}  # noqa: PLW2901
        item = QTreeWidgetItem([name.replace("_", " "), "" if isinstance(value, dict) else _text(value)])
        if isinstance(value, dict):
            item.addChildren(list(_items(value)))
        yield item


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _described(array: Array) -> str:
    shape = " x ".join(map(str, array.shape)) or "a number"
    return f"{array.dtype}, {shape}" + (f"; {array.min():.6g} to {array.max():.6g}" if array.size else "")
