"""A box for a number that may be very small, such as a learning rate."""

from __future__ import annotations

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QAbstractSpinBox, QDoubleSpinBox

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
