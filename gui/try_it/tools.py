"""Tools of the canvas."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from gui.try_it.canvas import MAX_BRUSH, MIN_BRUSH, DrawingCanvas
from gui.widgets.factories import push_button
from gui.widgets.spin_boxes import WheelFilter


class PaintingTools(QWidget):
    """Brush, eraser, undo, clear and invert for ``canvas``; emits ``open_requested()`` for an image file."""

    open_requested = Signal()

    def __init__(self, canvas: DrawingCanvas) -> None:
        super().__init__()
        self._canvas = canvas
        self._brush = _brush_slider(canvas)
        self._erase = push_button("erase", "Erase", "Let the left button erase; the right one always does the other")
        self._erase.setCheckable(True)
        self._undo = push_button("undo_drawing", "Undo", "Take back the last stroke or image (Ctrl+Z)")
        self._undo.setShortcut(QKeySequence.StandardKey.Undo)
        self._clear = push_button("clear_drawing", "Clear", "Make the canvas empty")
        self._open = push_button(
            "open_image", "Open image…", "Put an image file on the canvas; it can be dropped as well"
        )
        self._invert = QCheckBox("Invert")
        self._invert.setObjectName("invert")
        self._invert.setToolTip("Swap light and dark, as dark ink on white paper needs for a network of white digits")
        self._arrange()
        self._connect()
        self._enable_buttons()

    def stop_inverting(self) -> None:
        """Switch inversion off."""
        self._invert.setChecked(False)

    def _enable_buttons(self) -> None:
        self._undo.setEnabled(self._canvas.can_undo)
        self._clear.setEnabled(self._canvas.image() is not None)

    def _connect(self) -> None:
        canvas = self._canvas
        self._brush.valueChanged.connect(canvas.set_brush)
        self._erase.toggled.connect(canvas.set_erasing)
        self._invert.toggled.connect(canvas.set_inverted)
        self._undo.clicked.connect(lambda _checked=False: canvas.undo())
        self._clear.clicked.connect(lambda _checked=False: canvas.clear())
        self._open.clicked.connect(lambda _checked=False: self.open_requested.emit())
        canvas.changed.connect(self._enable_buttons)

    def _arrange(self) -> None:
        brush, buttons = QHBoxLayout(), QHBoxLayout()
        brush.addWidget(QLabel("Brush"))
        brush.addWidget(self._brush, 1)
        brush.addWidget(self._erase)
        brush.addWidget(self._invert)
        buttons.setSpacing(6)
        for button in (self._undo, self._clear, self._open):
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(brush)
        layout.addLayout(buttons)


def _brush_slider(canvas: DrawingCanvas) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setObjectName("brush_size")
    slider.setAccessibleName("Size of the brush")
    slider.setToolTip("Size of the brush")
    slider.setRange(MIN_BRUSH, MAX_BRUSH)
    slider.setValue(canvas.brush)
    slider.installEventFilter(WheelFilter(slider))
    return slider
