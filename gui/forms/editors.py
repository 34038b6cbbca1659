"""Editors of single fields: a widget and how to read and write its value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QWidget,
)

from engine.config.fields import FieldDescription, FieldKind
from engine.config.parsing import split_list
from gui.widgets.spin_boxes import DECIMALS, RateBox, WheelFilter

Named = TypeVar("Named", bound=QWidget)

CHOICE_COLUMNS = 3


@dataclass(frozen=True)
class Editor:
    """A widget and how to read and set its value."""

    widget: QWidget
    read: Callable[[], Any]
    write: Callable[[Any], None]


def field_tip(item: FieldDescription) -> str:
    """Return the tool tip of a field as rich text: its help, key and accepted values."""
    return f"<p>{escape(item.help)}</p><p><i>{item.key}: {escape(item.accepted)}</i></p>"


def _integer_editor(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    box = ignore_wheel(set_names(QSpinBox(), item))
    low = int(item.minimum or 0)
    box.setRange(low - 1 if item.optional else low, int(item.maximum or 0))
    if item.unit:
        _follow_unit(box, item.unit)
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    box.setKeyboardTracking(False)
    box.valueChanged.connect(lambda _value: changed())
    if not item.optional:
        return Editor(box, box.value, box.setValue)
    box.setSpecialValueText("as stored")  # shown at the minimum, which represents None
    return Editor(
        box,
        lambda: None if box.value() < low else box.value(),
        lambda value: box.setValue(low - 1 if value is None else value),
    )


def _follow_unit(box: QSpinBox | QDoubleSpinBox, unit: str) -> None:
    """Make the suffix singular or plural according to the value: ``1 run``, ``2 runs``."""

    def set_suffix(value: float) -> None:
        box.setSuffix(f" {unit.removesuffix('s') if value == 1 else unit}")

    box.valueChanged.connect(set_suffix)
    set_suffix(box.value())


def _number_editor(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    box = ignore_wheel(set_names(RateBox(), item))
    margin = 10**-DECIMALS
    low = (item.minimum or 0) + (margin if item.exclusive_minimum else 0)
    high = (item.maximum or 0) - (margin if item.exclusive_maximum else 0)
    unset = low - margin  # represents None
    box.setRange(unset if item.optional else low, high)
    if item.unit:
        _follow_unit(box, item.unit)
    box.valueChanged.connect(lambda _value: changed())
    if not item.optional:
        return Editor(box, box.value, box.setValue)
    box.setSpecialValueText(item.empty)
    return Editor(
        box,
        lambda: None if box.value() < low - margin / 2 else box.value(),
        lambda value: box.setValue(unset if value is None else value),
    )


def _switch_editor(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    box = set_names(QCheckBox(), item)
    box.toggled.connect(lambda _on: changed())
    return Editor(box, box.isChecked, box.setChecked)


def _text_editor(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    line = set_names(QLineEdit(), item)
    line.editingFinished.connect(changed)

    def write(value: str) -> None:
        line.setText(value)
        line.setCursorPosition(0)  # the beginning of a long text is more informative than its end

    return Editor(line, line.text, write)


def _numbers_editor(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    line = set_names(QLineEdit(), item)
    line.editingFinished.connect(changed)
    if item.optional or not item.default:
        line.setPlaceholderText("found by itself")
    return Editor(
        line, lambda: split_list(line.text()), lambda values: line.setText(", ".join(str(value) for value in values))
    )


def file_editor(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    """Create an editor for a file's path, typed or chosen in a dialog; ``changed`` is called when the user edits it."""
    widget, line, button = set_names(QWidget(), item), QLineEdit(), QToolButton()
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


def _choice_editor(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    box = ignore_wheel(set_names(QComboBox(), item))
    for choice in item.choices:
        box.addItem(item.choice_labels.get(choice, choice), choice)
    box.currentIndexChanged.connect(lambda _index: changed())
    return Editor(box, box.currentData, lambda value: box.setCurrentIndex(box.findData(value)))


def _choices_editor(item: FieldDescription, changed: Callable[[], None]) -> Editor:
    widget = set_names(QWidget(), item)
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


def ignore_wheel(widget: Named) -> Named:
    """Make ``widget`` ignore the wheel unless focused, so that scrolling the form changes no value; return it."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(WheelFilter(widget))
    return widget


def set_names(widget: Named, item: FieldDescription) -> Named:
    """Set the objectName and accessible name of a field's widget and return it."""
    widget.setObjectName(item.key)
    widget.setAccessibleName(item.label)
    return widget


# Placeholder of the empty line, and the file filter of the dialog.
_FILES = {
    FieldKind.FILE: ("built in", "NumPy arrays (*.npy)"),
    FieldKind.MODEL: ("choose a network", "Trained networks (*.keras)"),
}

EDITORS: dict[FieldKind, Callable[[FieldDescription, Callable[[], None]], Editor]] = {
    FieldKind.INTEGER: _integer_editor,
    FieldKind.NUMBER: _number_editor,
    FieldKind.SWITCH: _switch_editor,
    FieldKind.TEXT: _text_editor,
    FieldKind.CHOICE: _choice_editor,
    FieldKind.CHOICES: _choices_editor,
    FieldKind.NUMBERS: _numbers_editor,
    FieldKind.FILE: file_editor,
}
