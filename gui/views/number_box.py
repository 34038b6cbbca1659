"""A spin box for whole numbers from small to very large."""

from __future__ import annotations

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QAbstractSpinBox, QSpinBox

from engine.fields import FieldDescription

MINIMUM_WIDTH = 64


def number_box(name: str, field: FieldDescription) -> QSpinBox:
    """A box called ``name`` with the bounds, the default and the explanation of an integer field; 45000 is 45,000."""
    return bounded_box(name, field.label, int(field.minimum or 0), int(field.maximum or 0), field.default, field.help)


def bounded_box(name: str, title: str, low: int, high: int, value: int, tip: str) -> QSpinBox:
    """A box called ``name`` for the numbers from ``low`` to ``high``."""
    box = QSpinBox()
    box.setObjectName(name)
    box.setAccessibleName(title)
    box.setToolTip(tip)
    box.setLocale(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    box.setGroupSeparatorShown(True)
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    box.setRange(low, high)
    box.setMinimumWidth(MINIMUM_WIDTH)  # its own would have room for the largest number
    box.setValue(value)
    return box
