"""A form built from a spec's fields: one editor a field, named after its key.

Plain Qt widgets rather than a tree of parameters: each editor is always in sight, reachable by keyboard, known to
screen readers, and has an objectName that scripts can find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from itertools import groupby
from typing import Any, TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.config.fields import FieldDescription, FieldKind, describe
from engine.config.parsing import split_list
from engine.config.specs import ExperimentSpec
from gui.forms.architecture_editor import ArchitectureEditor, ArchitecturesEditor
from gui.forms.dataset_chooser import DatasetChooser
from gui.widgets.spin_boxes import DECIMALS, RateBox, WheelFilter

Named = TypeVar("Named", bound=QWidget)

GROUP_ORDER = ("Data", "Network", "Training")
CHOICE_COLUMNS = 3


@dataclass(frozen=True)
class Editor:
    """A widget and how to read and set its value."""

    widget: QWidget
    read: Callable[[], Any]
    write: Callable[[Any], None]


class Form(QWidget):
    """Editors for all fields of a spec class.

    Emits ``changed`` when the user changes one, ``writing_wanted`` when they want to write a network, and
    ``trained_wanted`` when they want to choose one that was trained here.
    """

    changed = Signal()
    writing_wanted = Signal()
    trained_wanted = Signal()

    def __init__(self, spec: type[ExperimentSpec]) -> None:
        super().__init__()
        self.setObjectName("form")
        self._spec = spec
        self._editors: dict[str, Editor] = {}
        self._chooser: DatasetChooser | None = None
        self._architectures: ArchitectureEditor | ArchitecturesEditor | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        by_group = sorted(describe(spec), key=lambda item: _group_rank(item.group))
        for group, items in groupby(by_group, key=lambda item: item.group):
            layout.addWidget(self._group(group, list(items)))
        layout.addStretch()

    @property
    def dataset_chooser(self) -> DatasetChooser | None:
        """The editor of the field that chooses a data set, if the spec has one."""
        return self._chooser

    def spec(self) -> ExperimentSpec:
        """The validated spec that the form shows; raises :class:`~engine.utils.errors.SpecError`."""
        return self._spec.build({key: editor.read() for key, editor in self._editors.items()})

    def show_spec(self, spec: ExperimentSpec) -> None:
        """Show the values of ``spec`` without announcing a change."""
        self.show_values({key: getattr(spec, key) for key in self._editors})

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show some fields' values without announcing a change."""
        blocked = self.blockSignals(True)
        for key, value in values.items():
            self._editors[key].write(value)
        self.blockSignals(blocked)

    def image_shape(self, stored: tuple[int, ...]) -> tuple[int, int, int]:
        """Height, width and channels of the images as a network sees them, of those ``stored`` so."""
        height, width, channels = stored
        if (side := self._editors["image_size"].read()) is not None:
            height = width = side
        return height, width, 1 if self._editors["grayscale"].read() else channels

    def offer_architecture(self, architecture: str, chosen: bool = False) -> None:
        """Offer a network that the user wrote, ``name[layers]``, where architectures are chosen."""
        if self._architectures is not None:
            self._architectures.add(architecture, chosen)

    def _group(self, title: str, items: list[FieldDescription]) -> QGroupBox:
        box = QGroupBox(title)
        rows = QFormLayout(box)
        rows.setContentsMargins(8, 6, 8, 8)
        rows.setVerticalSpacing(5)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for item in items:
            editor = self._editor(item)
            editor.widget.setToolTip(_tip(item))
            self._editors[item.key] = editor
            self._add_row(rows, item, editor.widget)
        return box

    def _editor(self, item: FieldDescription) -> Editor:
        if item.kind in (FieldKind.ARCHITECTURE, FieldKind.ARCHITECTURES):
            return self._architecture_editor(item)
        if item.kind is FieldKind.MODEL:
            return self._model_editor(item)
        if item.kind is not FieldKind.DATASET:
            return _EDITORS[item.kind](item, self.changed.emit)
        self._chooser = chooser = DatasetChooser()
        chooser.chosen.connect(lambda _dataset: self.changed.emit())
        return Editor(chooser, lambda: chooser.dataset, chooser.choose)

    def _architecture_editor(self, item: FieldDescription) -> Editor:
        several = item.kind is FieldKind.ARCHITECTURES
        editor = (ArchitecturesEditor if several else ArchitectureEditor)(item.key, item.choices)
        self._architectures = _named(editor, item)
        editor.changed.connect(self.changed.emit)
        editor.writing_wanted.connect(self.writing_wanted.emit)
        if isinstance(editor, ArchitectureEditor):
            _still(editor.box)
        return Editor(editor, lambda: editor.chosen, editor.choose)

    def _model_editor(self, item: FieldDescription) -> Editor:
        """A file's, with a button for the networks that were trained here."""
        editor, button = _file(item, self.changed.emit), QToolButton()
        button.setObjectName(f"{item.key}_choose")
        button.setText("Choose…")
        button.setToolTip("Choose one of the networks trained in this workspace, and go on as it was trained")
        button.clicked.connect(lambda _checked=False: self.trained_wanted.emit())
        layout = editor.widget.layout()
        if layout is not None:
            layout.addWidget(button)
        return editor

    @staticmethod
    def _add_row(rows: QFormLayout, item: FieldDescription, widget: QWidget) -> None:
        if item.kind is FieldKind.CHOICES:
            rows.addRow(QLabel(item.label))
        if item.kind in (FieldKind.DATASET, FieldKind.CHOICES, FieldKind.ARCHITECTURES, FieldKind.ARCHITECTURE):
            rows.addRow(widget)
            return
        label = QLabel(item.label)
        label.setToolTip(_tip(item))
        label.setBuddy(widget)
        rows.addRow(label, widget)


def _group_rank(group: str) -> tuple[int, str]:
    """The usual groups in their order, any others after them."""
    return (GROUP_ORDER.index(group) if group in GROUP_ORDER else len(GROUP_ORDER), group)


def _tip(item: FieldDescription) -> str:
    return f"<p>{escape(item.help)}</p><p><i>{item.key}: {escape(item.accepted)}</i></p>"


def _integer(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    box = _still(_named(QSpinBox(), item))
    low = int(item.minimum or 0)
    box.setRange(low - 1 if item.optional else low, int(item.maximum or 0))
    if item.unit:
        _count(box, item.unit)
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    box.setKeyboardTracking(False)
    box.valueChanged.connect(lambda _value: changed())
    if not item.optional:
        return Editor(box, box.value, box.setValue)
    box.setSpecialValueText("as stored")  # shown at the minimum, which stands for None
    return Editor(
        box,
        lambda: None if box.value() < low else box.value(),
        lambda value: box.setValue(low - 1 if value is None else value),
    )


def _count(box: QSpinBox, unit: str) -> None:
    """Let the unit follow the number: ``1 run``, ``2 runs``."""

    def follow(value: int) -> None:
        box.setSuffix(f" {unit.removesuffix('s') if value == 1 else unit}")

    box.valueChanged.connect(follow)
    follow(box.value())


def _number(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    box = _still(_named(RateBox(), item))
    margin = 10**-DECIMALS
    box.setRange(
        (item.minimum or 0) + (margin if item.exclusive_minimum else 0),
        (item.maximum or 0) - (margin if item.exclusive_maximum else 0),
    )
    box.valueChanged.connect(lambda _value: changed())
    return Editor(box, box.value, box.setValue)


def _switch(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    box = _named(QCheckBox(), item)
    box.toggled.connect(lambda _on: changed())
    return Editor(box, box.isChecked, box.setChecked)


def _text(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    line = _named(QLineEdit(), item)
    line.editingFinished.connect(changed)

    def write(value: str) -> None:
        line.setText(value)
        line.setCursorPosition(0)  # the beginning of a long text says more than its end

    return Editor(line, line.text, write)


def _numbers(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    line = _named(QLineEdit(), item)
    line.editingFinished.connect(changed)
    if item.optional or not item.default:
        line.setPlaceholderText("found by itself")
    return Editor(
        line, lambda: split_list(line.text()), lambda values: line.setText(", ".join(str(value) for value in values))
    )


def _file(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    widget, line, button = _named(QWidget(), item), QLineEdit(), QToolButton()
    line.setObjectName(f"{item.key}_path")
    line.setAccessibleName(item.label)
    unset, files = _FILES[item.kind]
    line.setPlaceholderText(unset)
    line.setClearButtonEnabled(True)
    button.setObjectName(f"{item.key}_open")
    button.setText("File…")
    row = QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(line, 1)
    row.addWidget(button)

    def choose() -> None:
        file, _ = QFileDialog.getOpenFileName(widget, item.label, "", f"{files};;All files (*)")
        if file:
            line.setText(file)
            changed()

    line.editingFinished.connect(changed)
    button.clicked.connect(choose)
    return Editor(widget, lambda: line.text().strip() or None, lambda value: line.setText(value or ""))


def _choice(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    box = _still(_named(QComboBox(), item))
    for choice in item.choices:
        box.addItem(item.choice_labels.get(choice, choice), choice)
    box.currentIndexChanged.connect(lambda _index: changed())
    return Editor(box, box.currentData, lambda value: box.setCurrentIndex(box.findData(value)))


def _choices(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    widget = _named(QWidget(), item)
    grid = QGridLayout(widget)
    grid.setContentsMargins(0, 0, 0, 0)
    boxes: dict[str, QCheckBox] = {}
    for position, choice in enumerate(item.choices):
        boxes[choice] = box = QCheckBox(choice)
        box.setObjectName(f"{item.key}_{choice}")
        box.toggled.connect(lambda _on: changed())
        grid.addWidget(box, position // CHOICE_COLUMNS, position % CHOICE_COLUMNS)

    def write(value: tuple[str, ...]) -> None:
        for choice, box in boxes.items():
            box.setChecked(choice in value)

    return Editor(widget, lambda: tuple(choice for choice, box in boxes.items() if box.isChecked()), write)


def _still(widget: Named) -> Named:
    """Let the wheel pass: who scrolls the form doesn't mean to change what comes under the pointer."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(WheelFilter(widget))
    return widget


def _named(widget: Named, item: FieldDescription) -> Named:
    widget.setObjectName(item.key)
    widget.setAccessibleName(item.label)
    return widget


# What stands in an empty line, and which files are offered.
_FILES = {
    FieldKind.FILE: ("built in", "NumPy arrays (*.npy)"),
    FieldKind.MODEL: ("choose a network", "Trained networks (*.keras)"),
}

_EDITORS: dict[FieldKind, Callable[[FieldDescription, Callable[[], None]], Editor]] = {
    FieldKind.INTEGER: _integer,
    FieldKind.NUMBER: _number,
    FieldKind.SWITCH: _switch,
    FieldKind.TEXT: _text,
    FieldKind.CHOICE: _choice,
    FieldKind.CHOICES: _choices,
    FieldKind.NUMBERS: _numbers,
    FieldKind.FILE: _file,
}
