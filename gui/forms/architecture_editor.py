"""Editors for choosing one or several architectures, with a button for writing a new one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from types import MappingProxyType

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from engine.networks.architectures import ARCHITECTURES, COURSE_ARCHITECTURES, architecture_name
from engine.networks.presets import SOURCES

COLUMNS = 3


class ArchitecturesEditor(QWidget):
    """One check box per architecture.

    Emits ``changed`` when a box is toggled and ``new_network_requested`` when the user wants to write a network.
    """

    changed = Signal()
    new_network_requested = Signal()

    def __init__(self, key: str, names: tuple[str, ...]) -> None:
        super().__init__()
        self._key = key
        self._boxes: dict[str, QCheckBox] = {}  # keyed by the architecture's full text
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        write = _write_button(key)
        write.clicked.connect(self.new_network_requested.emit)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._grid)
        column.addWidget(write)
        for name in names:
            self.add(name)

    @property
    def chosen(self) -> tuple[str, ...]:
        """The ticked architectures, in display order."""
        return tuple(text for text in sorted(self._boxes, key=_rank) if self._boxes[text].isChecked())

    def choose(self, architectures: tuple[str, ...]) -> None:
        """Tick exactly these architectures; unknown ones are added."""
        for text in architectures:
            self.add(text)
        for text, box in self._boxes.items():
            box.setChecked(text in architectures)

    def add(self, architecture: str, ticked: bool = False) -> None:
        """Offer an architecture; it replaces another one of the same name."""
        for other in [text for text in self._boxes if architecture_name(text) == architecture_name(architecture)]:
            if other == architecture:
                self._boxes[other].setChecked(self._boxes[other].isChecked() or ticked)
                return
            replaced = self._boxes.pop(other)
            ticked = ticked or replaced.isChecked()
            replaced.deleteLater()
        name = architecture_name(architecture)
        box = _NetworkBox(architecture)
        box.setObjectName(f"{self._key}_{name}")
        box.setChecked(ticked)
        box.toggled.connect(lambda _on: self.changed.emit())
        self._boxes[architecture] = box
        self._place()
        if ticked:
            self.changed.emit()

    def _place(self) -> None:
        """Arrange the boxes: those of the course, further built-in ones and the user's own each begin a row."""
        row = 0
        for _, group in groupby(sorted(self._boxes, key=_rank), key=_rank):
            names = list(group)
            for position, name in enumerate(names):
                self._grid.addWidget(self._boxes[name], row + position // COLUMNS, position % COLUMNS)
            row += -(-len(names) // COLUMNS)


class _NetworkBox(QCheckBox):
    """A check box with the layers as tool tip, and once that is shown, a picture of the network."""

    def __init__(self, architecture: str) -> None:
        super().__init__(architecture_name(architecture))
        self._architecture = architecture
        self._has_picture = False
        self.setToolTip(layers_tip(architecture))

    def event(self, event: QEvent) -> bool:
        """Draw the picture when it is first asked for, as drawing that of every network would delay the window."""
        if event.type() == QEvent.Type.ToolTip and not self._has_picture:
            from gui.forms.network_tip import picture_tip

            self._has_picture = True  # on white in either colour scheme
            self.setToolTip(picture_tip(self._architecture))
        return super().event(event)


class ArchitectureEditor(QWidget):
    """A list for choosing one architecture; has the signals of ``ArchitecturesEditor``.

    Args:
        key: of the field.
        names: what is offered.
        labels: texts of those that are no names of architectures.
    """

    changed = Signal()
    new_network_requested = Signal()

    def __init__(self, key: str, names: tuple[str, ...], labels: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__()
        self._labels = labels
        self.box = QComboBox()
        self.box.setObjectName(f"{key}_list")
        for name in names:
            self.add(name)
        self.box.currentIndexChanged.connect(lambda _index: self.changed.emit())
        write = _write_button(key)
        write.clicked.connect(self.new_network_requested.emit)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box, 1)
        row.addWidget(write)

    @property
    def chosen(self) -> str:
        """The chosen architecture."""
        return str(self.box.currentData())

    def choose(self, architecture: str) -> None:
        """Choose an architecture; an unknown one is added."""
        self.add(architecture)
        self.box.setCurrentIndex(self.box.findData(architecture))

    def add(self, architecture: str, ticked: bool = False) -> None:
        """Offer an architecture; it replaces another one of the same name. ``ticked`` chooses it."""
        name = self._labels.get(architecture) or architecture_name(architecture)
        position = self.box.findText(name)
        if position < 0:
            self.box.addItem(name, architecture)
            position = self.box.count() - 1
        is_changed = position == self.box.currentIndex() and self.chosen != architecture
        self.box.setItemData(position, architecture)
        self.box.setItemData(position, layers_tip(architecture), Qt.ItemDataRole.ToolTipRole)
        if is_changed:
            self.changed.emit()
        if ticked:
            self.box.setCurrentIndex(position)


def layers_tip(architecture: str) -> str:
    """Return the layers of a network as written, or where a built-in one is from; empty for what is no architecture."""
    name, bracket, layers = architecture.partition("[")
    return layers.removesuffix("]") if bracket else SOURCES.get(name, "")


def _rank(architecture: str) -> int:
    return 0 if architecture in COURSE_ARCHITECTURES else 1 if architecture in ARCHITECTURES else 2


def _write_button(key: str) -> QPushButton:
    button = QPushButton("Write a network…")
    button.setObjectName(f"{key}_write")
    button.setToolTip("Write a network of your own: Conv-3x3x16, ReLU, MaxPool-2x2, FC-64")
    return button
