"""Spin boxes for numbers and learning rates, and an event filter against accidental changes by the wheel."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLocale, QObject
from PySide6.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QSpinBox, QWidget

from engine.config.fields import FieldDescription

MIN_WIDTH = 64
DECIMALS = 8  # enough for any learning rate worth trying


class WheelFilter(QObject):
    """Passes wheel events of an unfocused widget to its parent, which scrolls."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Ignore wheel events of ``watched`` unless it has the focus."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def number_box(name: str, field: FieldDescription) -> QSpinBox:
    """Create a spin box with the bounds, default and help of an integer field; 45000 is displayed as 45,000."""
    return bounded_box(name, field.label, int(field.minimum or 0), int(field.maximum or 0), field.default, field.help)


def bounded_box(name: str, title: str, low: int, high: int, value: int, tip: str) -> QSpinBox:
    """Create a spin box for the integers from ``low`` to ``high``.

    Args:
        name: its objectName.
        title: its accessible name.
        low: minimum.
        high: maximum.
        value: initial value.
        tip: its tool tip.
    """
    box = QSpinBox()
    box.setObjectName(name)
    box.setAccessibleName(title)
    box.setToolTip(tip)
    box.setLocale(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    box.setGroupSeparatorShown(True)
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    box.setRange(low, high)
    box.setMinimumWidth(MIN_WIDTH)  # Qt's default fits the largest number
    box.setValue(value)
    return box


class RateBox(QDoubleSpinBox):
    """Spin box for learning rates: 0.001 is displayed as 0.001, not 0.00100000; steps grow with the value."""

    def __init__(self) -> None:
        super().__init__()
        # In a locale with a decimal comma 0.001 would be parsed as 1.
        self.setLocale(QLocale.c())
        self.setDecimals(DECIMALS)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Format ``value`` without trailing zeros."""
        return f"{value:.{DECIMALS}g}"
