"""Functions that build widgets with an objectName, an accessible name and a tool tip."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QWidget,
)

from gui.widgets.spin_boxes import WheelFilter

Named = TypeVar("Named", bound=QWidget)


def named(widget: Named, name: str, accessible: str, tip: str = "") -> Named:
    """Set the objectName, accessible name and tool tip of ``widget`` and return it."""
    widget.setObjectName(name)
    widget.setAccessibleName(accessible)
    widget.setToolTip(tip)
    return widget


def shrinkable_combo_box(name: str, accessible: str, tip: str = "") -> QComboBox:
    """Create a combo box that ignores the wheel unless focused, and that long entries do not widen."""
    box = named(QComboBox(), name, accessible, tip)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.installEventFilter(WheelFilter(box))
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    return box


def push_button(name: str, text: str, tip: str) -> QPushButton:
    """Create a button; its text serves as accessible name."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button


def save_buttons(dialog: QDialog, save: tuple[str, str, str], cancel: tuple[str, str]) -> QDialogButtonBox:
    """Create the buttons that accept and reject ``dialog``.

    Args:
        dialog: receives the clicks.
        save: objectName, text and tool tip of the accepting button.
        cancel: objectName and tool tip of the rejecting button.
    """
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
    accept = buttons.button(QDialogButtonBox.StandardButton.Save)
    reject = buttons.button(QDialogButtonBox.StandardButton.Cancel)
    accept.setText(save[1])
    for button, name, tip in ((accept, save[0], save[2]), (reject, *cancel)):
        button.setObjectName(name)
        button.setToolTip(tip)
        button.setIcon(QIcon())  # a desktop's icon of saving would not suit every text
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons


def splitter(
    name: str, *parts: tuple[QWidget, int, int], orientation: Qt.Orientation = Qt.Orientation.Vertical
) -> QSplitter:
    """Create a splitter whose parts cannot be collapsed.

    Args:
        name: its objectName.
        parts: widget, stretch factor and initial size in pixels of each part.
        orientation: direction in which the parts are laid out.
    """
    split = QSplitter(orientation)
    split.setObjectName(name)
    split.setChildrenCollapsible(False)
    for position, (widget, stretch, _) in enumerate(parts):
        split.addWidget(widget)
        split.setStretchFactor(position, stretch)
    split.setSizes([size for _, _, size in parts])
    return split
