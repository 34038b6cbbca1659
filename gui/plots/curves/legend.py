"""One legend for all plots: a button per variant, which shows and hides it everywhere."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QEnterEvent, QFocusEvent, QIcon, QKeyEvent, QMouseEvent, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from engine.analysis.styles import Style
from gui.observations.experiment import Observations
from gui.plots.curves.options import CurveOptions, Repeats
from gui.utils.painting import pen_of

BUTTONS_PER_ROW = 6
MAX_PATTERN_ROWS = 3  # with more, one row per pattern would waste space
MAX_VISIBLE_ROWS = 3
SWATCH_WIDTH, SWATCH_HEIGHT, SWATCH_LINE = 32, 12, 2

NOTES = {
    Repeats.DEVIATION: "lines: means over the runs\nbands: ± one standard deviation",
    Repeats.ERROR: "lines: means over the runs\nbands: ± one standard error",
    Repeats.RANGE: "lines: means over the runs\nbands: least to greatest run",
    Repeats.MEAN: "lines: means over the runs",
    Repeats.RUNS: "lines: single runs",
}


class VariantButton(QToolButton):
    """Shows and hides a variant. Emits ``solo_requested()`` on Ctrl+click or double click, and ``highlighted(bool)``.

    A hidden variant is not highlighted, as that would only fade the others.
    """

    solo_requested = Signal()
    highlighted = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._ctrl_held = False

    def nextCheckState(self) -> None:  # noqa: N802
        """Toggle, or with Ctrl request to show this variant only."""
        if self._ctrl_held:
            self.solo_requested.emit()
        else:
            super().nextCheckState()
            self._highlight()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Note whether Ctrl is held at the end of a click."""
        self._ctrl_held = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        super().mouseReleaseEvent(event)
        self._ctrl_held = False

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Note whether Ctrl is held when the space bar is released."""
        self._ctrl_held = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        super().keyReleaseEvent(event)
        self._ctrl_held = False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Request to show this variant only; the first of the two clicks has already toggled it."""
        event.accept()
        self.solo_requested.emit()

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        """Highlight the variant."""
        super().enterEvent(event)
        self._highlight()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """End the highlight."""
        super().leaveEvent(event)
        self.highlighted.emit(False)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Highlight the variant if the focus came by keyboard."""
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            self._highlight()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """End the highlight."""
        super().focusOutEvent(event)
        self.highlighted.emit(False)

    def _highlight(self) -> None:
        self.highlighted.emit(self.isChecked())


class Legend(QWidget):
    """Emits ``toggled(variant, visible)``, and ``highlighted(variant)`` while one is hovered or focused, then None.

    Hidden variants stay hidden when the current plan grows; this view must therefore begin after the views connected to
    it.
    """

    toggled = Signal(str, bool)
    highlighted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("legend")
        self._buttons: dict[str, VariantButton] = {}
        self._experiment: int | None = None
        self._rows_height = 0
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self._area.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._note = QLabel(NOTES[Repeats.DEVIATION])
        self._note.setObjectName("caption")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.addWidget(self._area, 1)
        layout.addWidget(self._note)
        self._fill({})

    def begin(self, observations: Observations) -> None:
        """Show the variants of a plan, all switched on, except those switched off in the same plan before it grew."""
        grew = observations.experiment == self._experiment
        hidden = [name for name, button in self._buttons.items() if grew and not button.isChecked()]
        self._experiment = observations.experiment
        self._fill({name: variant.style for name, variant in observations.variants.items()})
        for name in hidden:
            self._buttons[name].setChecked(False)

    def refresh(self, _observations: Observations) -> None:
        """Do nothing: a legend changes only with the plan."""

    def describe(self, options: CurveOptions) -> None:
        """Describe lines and bands."""
        self._note.setText(NOTES[options.repeats])

    def show_only(self, name: str) -> None:
        """Show one variant only; all of them if it was the only one."""
        others = [button for other, button in self._buttons.items() if other != name]
        alone = not any(button.isChecked() for button in others)
        self._buttons[name].setChecked(True)
        for button in others:
            button.setChecked(alone)

    def _fill(self, styles: dict[str, Style]) -> None:
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        self._buttons = {name: self._button(name, style) for name, style in styles.items()}
        patterns = 1 + max((style.pattern for style in styles.values()), default=0)
        by_pattern = 1 < patterns <= MAX_PATTERN_ROWS
        for position, (name, style) in enumerate(styles.items()):
            place = (style.pattern, style.colour) if by_pattern else divmod(position, BUTTONS_PER_ROW)
            grid.addWidget(self._buttons[name], *place)
        grid.setColumnStretch(grid.columnCount(), 1)
        self._area.setWidget(panel)
        row = next((button.sizeHint().height() for button in self._buttons.values()), SWATCH_HEIGHT) + grid.spacing()
        self._rows_height = row * min(grid.rowCount(), MAX_VISIBLE_ROWS) + grid.spacing()
        self._fit_height()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave room for the scroll bar below a row that is too long."""
        super().resizeEvent(event)
        self._fit_height()

    def _fit_height(self) -> None:
        panel = self._area.widget()
        too_long = panel is not None and panel.minimumSizeHint().width() > self._area.width()
        bar = self._area.horizontalScrollBar().sizeHint().height() if too_long else 0
        self._area.setFixedHeight(self._rows_height + bar)

    def _button(self, name: str, style: Style) -> VariantButton:
        button = VariantButton()
        button.setObjectName(f"legend_{name}")
        button.setText(name)
        button.setIcon(_swatch(style))
        button.setIconSize(QSize(SWATCH_WIDTH, SWATCH_HEIGHT))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setCheckable(True)
        button.setChecked(True)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # a tool button does not accept focus by Tab by default
        button.setToolTip(f"Show or hide {name} in every plot; Ctrl+click or double click: {name} alone, then all")
        button.toggled.connect(lambda visible: self.toggled.emit(name, visible))
        button.solo_requested.connect(lambda: self.show_only(name))
        button.highlighted.connect(lambda on: self.highlighted.emit(name if on else None))
        return button


def _swatch(style: Style) -> QIcon:
    """Return an icon with the variant's line style, fainter in the off state."""
    icon = QIcon()
    for state, alpha in ((QIcon.State.On, 255), (QIcon.State.Off, 70)):
        icon.addPixmap(line_swatch(style, QSize(SWATCH_WIDTH, SWATCH_HEIGHT), SWATCH_LINE, alpha), state=state)
    return icon


def line_swatch(style: Style, size: QSize, width: float, alpha: int = 255) -> QPixmap:
    """Draw a horizontal piece of a variant's line, ``width`` pixels thick."""
    pixmap = QPixmap(size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setPen(pen_of(style, width, alpha))
    painter.drawLine(0, size.height() // 2, size.width(), size.height() // 2)
    painter.end()
    return pixmap
