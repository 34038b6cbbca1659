"""One legend for all plots: a button a variant, which shows and hides it everywhere."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from engine.palette import colour_of
from gui.observations import Observations

SWATCH = 12


class Legend(QWidget):
    """Emits ``toggled(variant, visible)``."""

    toggled = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("legend")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(4, 0, 4, 0)
        self._layout.addStretch()
        note = QLabel("lines: means over the runs · bands: ± one standard deviation")
        note.setObjectName("caption")
        self._layout.addWidget(note)
        self._buttons: list[QToolButton] = []

    def begin(self, observations: Observations) -> None:
        """Show the variants of a new plan, all switched on."""
        for button in self._buttons:
            self._layout.removeWidget(button)
            button.deleteLater()
        self._buttons = [self._button(name, variant.position) for name, variant in observations.variants.items()]
        for position, button in enumerate(self._buttons):
            self._layout.insertWidget(position, button)

    def refresh(self, _observations: Observations) -> None:
        """A legend changes with the plan alone."""

    def _button(self, name: str, position: int) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"legend_{name}")
        button.setText(name)
        button.setIcon(_swatch(position))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setCheckable(True)
        button.setChecked(True)
        button.setAutoRaise(True)
        button.setToolTip(f"Show or hide {name} in every plot")
        button.toggled.connect(lambda visible: self.toggled.emit(name, visible))
        return button


def _swatch(position: int) -> QIcon:
    icon = QIcon()
    for state, alpha in ((QIcon.State.On, 255), (QIcon.State.Off, 70)):
        pixmap = QPixmap(SWATCH, SWATCH)
        colour = QColor(colour_of(position))
        colour.setAlpha(alpha)
        pixmap.fill(colour)
        icon.addPixmap(pixmap, state=state)
    return icon
