"""Spin boxes for numbers and learning rates, and a filter that keeps the wheel from changing them by accident."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QLocale, QObject
from PySide6.QtWidgets import QAbstractSpinBox, QDoubleSpinBox, QSpinBox, QWidget

from engine.config.fields import FieldDescription


class WheelFilter(QObject):
    """Hands a wheel event of an unfocused widget on to its parent, which scrolls."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Take wheel events away from ``watched`` unless it has the focus."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


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


DECIMALS = 8  # enough for any learning rate worth trying


class RateBox(QDoubleSpinBox):
    """Shows 0.001 as 0.001, not as 0.00100000; steps grow with the number."""

    def __init__(self) -> None:
        super().__init__()
        # Elsewhere a comma may be the decimal sign: 0.001 would be read as 1.
        self.setLocale(QLocale.c())
        self.setDecimals(DECIMALS)
        self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """As short as the number allows."""
        return f"{value:.{DECIMALS}g}"
