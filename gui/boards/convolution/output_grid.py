"""The outputs of a convolution: one row per input image, one column per kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from engine.events.experiments import Computed
from engine.experiments.convolution.numpy_convolution import largest_magnitude, normalized
from engine.utils.arrays import Array
from gui.boards.convolution.numbers import as_number
from gui.boards.convolution.pixels import ARROWS, MARK, grey_image
from gui.observations.experiment import Observations
from gui.widgets.placeholder import Placeholder

MIN_CELL = 32  # pixels, the minimum at which a digit is recognisable
MAX_CELL = 96
GAP = 4


class OutputGrid(QWidget):
    """The grid with a switch between raw and normalised; emits ``picked(image, kernel)``, indices from 0."""

    picked = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("convolution_outputs")
        self._computed: Computed | None = None
        self._raw, self._normalised = QRadioButton("Raw"), QRadioButton("Normalised")
        self._raw.setObjectName("outputs_raw")
        self._normalised.setObjectName("outputs_normalised")
        self._raw.setChecked(True)
        self._caption = QLabel(" ")
        self._caption.setObjectName("caption")
        self.cells = _Cells()
        self.cells.picked.connect(self.picked.emit)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.cells)
        self._pages = Placeholder("The outputs appear here: one row an image, one column a kernel.", scroll)
        self._arrange()
        self._raw.toggled.connect(lambda _raw: self._draw())

    def begin(self, _observations: Observations) -> None:
        """Clear the outputs."""
        self._computed = None
        self._caption.setText(" ")
        self._pages.show_content(False)

    def refresh(self, observations: Observations) -> None:
        """Show the outputs when available."""
        if observations.computed is not None and observations.computed is not self._computed:
            self._computed = observations.computed
            self._draw()
            self._pages.show_content(True)

    def mark(self, image: int, kernel: int) -> None:
        """Frame the output of ``image`` and ``kernel``."""
        self.cells.mark(image, kernel)

    def _draw(self) -> None:
        if self._computed is None:
            return
        arrays, raw = self._computed.arrays, self._raw.isChecked()
        outputs = arrays["loops"] if raw else normalized(arrays["loops"])
        high = largest_magnitude(outputs) if raw else 1.0
        self._caption.setText(
            f"one grey scale: black {as_number(-high)}, grey 0, white {as_number(high)}"
            if raw
            else "each from its least value, black, to its largest, white"
        )
        input, kernel = arrays["input"].mean(axis=1), arrays["kernel"].mean(axis=1)
        self.cells.show_images(
            _GreyImages(input, float(input.min()), float(input.max())),
            kernel,
            _GreyImages(outputs, -high if raw else 0.0, high),
            self._computed.findings["kernel_names"],
        )

    def _arrange(self) -> None:
        group = QButtonGroup(self)
        row = QHBoxLayout()
        row.addWidget(QLabel("<b>Outputs</b>"))
        for button in (self._raw, self._normalised):
            group.addButton(button)
            row.addWidget(button)
        row.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self._caption)
        layout.addWidget(self._pages, 1)


@dataclass(frozen=True)
class _GreyImages:
    """Images [..., height, width] on one grey scale."""

    values: Array
    low: float
    high: float

    def __getitem__(self, index: int | tuple[int, int]) -> QImage:
        return grey_image(self.values[index], self.low, self.high)


class _Cells(QWidget):
    """Paints kernels at the top, inputs at the left, outputs in the cells between."""

    picked = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("output_cells")
        self.setAccessibleName("Outputs")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._inputs = self._outputs = _GreyImages(np.zeros((0, 1, 1)), 0.0, 1.0)
        self._kernels: Array = np.zeros((0, 1, 1))
        self._names: list[str] = []
        self._marked = (0, 0)

    def show_images(self, inputs: _GreyImages, kernels: Array, outputs: _GreyImages, names: list[str]) -> None:
        """Show ``outputs``, [batch, out, h, w], with ``inputs``, [batch, h, w], and ``kernels``, [out, h, w]."""
        self._inputs, self._kernels, self._outputs, self._names = inputs, kernels, outputs, names
        self.setMinimumSize((len(kernels) + 1) * MIN_CELL, (len(inputs.values) + 1) * MIN_CELL)
        self.update()

    def mark(self, image: int, kernel: int) -> None:
        self._marked = (image, kernel)
        self.update()

    def cell(self, row: int, column: int) -> QRect:
        """Return the rectangle of a cell; inputs are column 0, kernels row 0."""
        side = self._side()
        return QRect(column * side, row * side, side - GAP, side - GAP)

    def _side(self) -> int:
        side = min(self.width() // (len(self._names) + 1), self.height() // (len(self._inputs.values) + 1))
        return min(max(side, MIN_CELL), MAX_CELL)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if not self._names:
            return
        painter = QPainter(self)
        area = event.rect()
        (top, left), (bottom, right) = self._cell_at(area.topLeft()), self._cell_at(area.bottomRight())
        for row in range(top, min(bottom, len(self._inputs.values)) + 1):
            for column in range(left, min(right, len(self._names)) + 1):
                if row or column:
                    self._paint_cell(painter, row, column)
        painter.setPen(QPen(QColor(MARK), 3))
        painter.drawRect(self.cell(self._marked[0] + 1, self._marked[1] + 1))
        if self.hasFocus():
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1))
            last = self.cell(len(self._inputs.values), len(self._names))
            painter.drawRect(self.cell(0, 0).united(last).adjusted(0, 0, GAP - 2, GAP - 2))

    def _paint_cell(self, painter: QPainter, row: int, column: int) -> None:
        place = _paint_image(painter, self.cell(row, column), self._image(row, column))
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRect(place)

    def _image(self, row: int, column: int) -> QImage:
        if not row:
            kernel = self._kernels[column - 1]
            return grey_image(kernel, -largest_magnitude(kernel), largest_magnitude(kernel))
        return self._outputs[row - 1, column - 1] if column else self._inputs[row - 1]

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        row, column = self._cell_at(event.position().toPoint())
        self._pick(row - 1, column - 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        step = ARROWS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self._pick(self._marked[0] + step[0], self._marked[1] + step[1])

    def event(self, event: QEvent) -> bool:
        """Show image and kernel under the pointer as tool tip."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._names:
            QToolTip.showText(event.globalPos(), self.tip(*self._cell_at(event.pos())), self)
            return True
        return super().event(event)

    def tip(self, row: int, column: int) -> str:
        """Return the image and kernel of a cell; empty outside the grid."""
        images, kernels = len(self._inputs.values), len(self._names)
        parts = [f"image {row}"] if 1 <= row <= images else []
        parts += [self._names[column - 1]] if 1 <= column <= kernels else []
        return ", ".join(parts) if row <= images and column <= kernels else ""

    def _cell_at(self, point: QPoint) -> tuple[int, int]:
        side = self._side()
        return point.y() // side, point.x() // side

    def _pick(self, image: int, kernel: int) -> None:
        if 0 <= image < len(self._inputs.values) and 0 <= kernel < len(self._names):
            self.picked.emit(image, kernel)

    def sizeHint(self) -> QSize:  # noqa: N802
        return self.minimumSize()


def _paint_image(painter: QPainter, cell: QRect, image: QImage) -> QRect:
    """Paint ``image`` centred in ``cell`` and return its rectangle."""
    size = image.size().scaled(cell.size(), Qt.AspectRatioMode.KeepAspectRatio)
    place = QRect(cell.topLeft(), size)
    place.moveCenter(cell.center())
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, size.width() < image.width())
    painter.drawImage(place, image)
    return place
