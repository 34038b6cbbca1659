"""A slider over the steps at which weights were stored."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QIcon, QPainter, QPalette, QPixmap, QPolygon
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from gui.widgets.spin_boxes import WheelFilter

PLAY_INTERVAL_MS = 200  # five images per second
ICON_SIDE = 16  # pixels
_TRIANGLE = (((4, 2), (14, 8), (4, 14)),)
_BARS = (((3, 2), (7, 2), (7, 14), (3, 14)), ((9, 2), (13, 2), (13, 14), (9, 14)))


class WeightTimeline(QWidget):
    """Emits ``chosen(step)``; None is the latest step, which the right end follows while a network trains.

    *Play* advances through the steps, from the first one if the slider is at the end.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[int] = []
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setObjectName("weights_step")
        self._slider.setAccessibleName("Step whose weights are shown")
        self._slider.setToolTip(
            "Weights as they were at that step; the right end follows the newest, after early stopping those kept"
        )
        self._slider.setPageStep(1)
        self._slider.installEventFilter(WheelFilter(self._slider))
        self._play = QToolButton()
        self._play.setObjectName("weights_play")
        self._play.setAccessibleName("Play")
        self._play.setToolTip("Run through the weights, from the first step to the newest")
        self._play.setCheckable(True)
        self._play.setAutoRaise(True)
        self._label = QLabel()
        self._label.setObjectName("weights_when")
        self._timer = QTimer(self, interval=PLAY_INTERVAL_MS)
        self._timer.timeout.connect(self.advance)
        self._slider.valueChanged.connect(self._moved)
        self._play.toggled.connect(self._toggle_play)
        self._arrange()
        self._show_icon(False)
        self._update_label()

    @property
    def step(self) -> int | None:
        """The chosen step; None for the latest."""
        return None if self._slider.value() >= len(self._steps) - 1 else self._steps[self._slider.value()]

    def show_steps(self, steps: Sequence[int]) -> None:
        """Offer ``steps``, ascending. The latest step is followed; any other choice is kept."""
        if list(steps) == self._steps:
            return
        step = self.step
        self._steps = list(steps)
        last = max(len(self._steps) - 1, 0)
        with QSignalBlocker(self._slider):
            self._slider.setRange(0, last)
            self._slider.setValue(last if step is None else sum(each < step for each in self._steps))
        if self.step != step:
            self.chosen.emit(self.step)
        self._update_label()

    def advance(self) -> None:
        """Advance to the next step; playing stops at the last one."""
        self._slider.setValue(self._slider.value() + 1)
        if self.step is None:
            self._play.setChecked(False)

    def _toggle_play(self, playing: bool) -> None:
        self._show_icon(playing)
        if not playing:
            self._timer.stop()
            return
        if self.step is None:
            self._slider.setValue(0)
        self._timer.start()

    def _moved(self, _position: int) -> None:
        self._update_label()
        self.chosen.emit(self.step)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Redraw the icon in the colour of the palette's text."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show_icon(self._play.isChecked())

    def _show_icon(self, playing: bool) -> None:
        """Draw a triangle or two bars; the style's icons are black even in dark windows."""
        pixmap = QPixmap(ICON_SIDE, ICON_SIDE)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.ButtonText))
        shapes = _BARS if playing else _TRIANGLE
        for shape in shapes:
            painter.drawPolygon(QPolygon([QPoint(x, y) for x, y in shape]))
        painter.end()
        self._play.setIcon(QIcon(pixmap))

    def _update_label(self) -> None:
        several = len(self._steps) > 1
        for widget in (self._slider, self._play):
            widget.setEnabled(several)
        self._label.setText(f"newest of {len(self._steps)}" if self.step is None else f"step {self.step:,}")
        self._label.setVisible(several)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self._play)
        row.addWidget(self._label, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._slider)
        column.addLayout(row)
