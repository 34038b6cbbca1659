"""One legend for all plots: a button a variant, which shows and hides it everywhere."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QToolButton, QWidget

from engine.palette import Style
from gui.observations import Observations
from gui.views.pens import pen_of

BUTTONS_A_ROW = 6
SWATCH_WIDTH, SWATCH_HEIGHT, SWATCH_LINE = 18, 12, 4


class Legend(QWidget):
    """Emits ``toggled(variant, visible)``."""

    toggled = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("legend")
        self._grid = QGridLayout()
        self._grid.setSpacing(4)
        note = QLabel("lines: means over the runs · bands: ± one standard deviation")
        note.setObjectName("caption")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.addLayout(self._grid)
        layout.addStretch()
        layout.addWidget(note)
        self._buttons: list[QToolButton] = []

    def begin(self, observations: Observations) -> None:
        """Show the variants of a new plan, all switched on."""
        for button in self._buttons:
            self._grid.removeWidget(button)
            button.deleteLater()
        variants = observations.variants.values()
        self._buttons = [self._button(variant.name, variant.style) for variant in variants]
        by_pattern = any(variant.style.pattern for variant in variants)
        for position, (button, variant) in enumerate(zip(self._buttons, variants, strict=True)):
            place = (variant.style.pattern, variant.style.colour) if by_pattern else divmod(position, BUTTONS_A_ROW)
            self._grid.addWidget(button, *place)

    def refresh(self, _observations: Observations) -> None:
        """A legend changes with the plan alone."""

    def _button(self, name: str, style: Style) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"legend_{name}")
        button.setText(name)
        button.setIcon(_swatch(style))
        button.setIconSize(QSize(SWATCH_WIDTH, SWATCH_HEIGHT))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setCheckable(True)
        button.setChecked(True)
        button.setAutoRaise(True)
        button.setToolTip(f"Show or hide {name} in every plot")
        button.toggled.connect(lambda visible: self.toggled.emit(name, visible))
        return button


def _swatch(style: Style) -> QIcon:
    """A piece of the variant's line; fainter where it is switched off."""
    icon = QIcon()
    for state, alpha in ((QIcon.State.On, 255), (QIcon.State.Off, 70)):
        pixmap = QPixmap(SWATCH_WIDTH, SWATCH_HEIGHT)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setPen(pen_of(style, SWATCH_LINE, alpha))
        painter.drawLine(0, SWATCH_HEIGHT // 2, SWATCH_WIDTH, SWATCH_HEIGHT // 2)
        painter.end()
        icon.addPixmap(pixmap, state=state)
    return icon
