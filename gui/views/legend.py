"""One legend for all plots: a button a variant, which shows and hides it everywhere."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QToolButton, QWidget

from engine.palette import Style
from gui.observations import Observations
from gui.views.pens import pen_of

BUTTONS_A_ROW = 6
MOST_PATTERN_ROWS = 3  # with more, a row a pattern would waste too much room
MOST_ROWS_SEEN = 3
SWATCH_WIDTH, SWATCH_HEIGHT, SWATCH_LINE = 32, 12, 2


class Legend(QWidget):
    """Emits ``toggled(variant, visible)``.

    What was hidden stays so when the plan under way grows, for which this view must come after those it speaks to.
    """

    toggled = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("legend")
        self._buttons: dict[str, QToolButton] = {}
        self._experiment: int | None = None
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._area.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        note = QLabel("lines: means over the runs\nbands: ± one standard deviation")
        note.setObjectName("caption")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.addWidget(self._area, 1)
        layout.addWidget(note)
        self._fill({})

    def begin(self, observations: Observations) -> None:
        """Show the variants of a plan; all are switched on, unless one was switched off and the plan only grew."""
        grew = observations.experiment == self._experiment
        hidden = [name for name, button in self._buttons.items() if grew and not button.isChecked()]
        self._experiment = observations.experiment
        self._fill({name: variant.style for name, variant in observations.variants.items()})
        for name in hidden:
            self._buttons[name].setChecked(False)

    def refresh(self, _observations: Observations) -> None:
        """A legend changes with the plan alone."""

    def _fill(self, styles: dict[str, Style]) -> None:
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        self._buttons = {name: self._button(name, style) for name, style in styles.items()}
        patterns = 1 + max((style.pattern for style in styles.values()), default=0)
        by_pattern = 1 < patterns <= MOST_PATTERN_ROWS
        for position, (name, style) in enumerate(styles.items()):
            place = (style.pattern, style.colour) if by_pattern else divmod(position, BUTTONS_A_ROW)
            grid.addWidget(self._buttons[name], *place)
        grid.setColumnStretch(grid.columnCount(), 1)
        self._area.setWidget(panel)
        row = next((button.sizeHint().height() for button in self._buttons.values()), SWATCH_HEIGHT) + grid.spacing()
        self._area.setFixedHeight(row * min(grid.rowCount(), MOST_ROWS_SEEN) + grid.spacing())

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
