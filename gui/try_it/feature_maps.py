"""Outputs of every layer of a network for one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from engine.events.inference import LayerOutput
from engine.utils.arrays import Array
from gui.boards.convolution.numbers import as_number
from gui.utils.painting import to_qimage
from gui.utils.theme import muted
from gui.widgets.point_tips import PointTips

MAPS_PER_ROW = 16
MIN_MAP, MAX_MAP = 36, 64  # pixels
UNITS_PER_ROW, MANY_UNITS_PER_ROW = 32, 64
MIN_UNIT, MAX_UNIT = 8, 24
GAP = 3
TITLE = 20


@dataclass(frozen=True)
class GreyScale:
    """The values shown as black (``low``) and white (``high``)."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Array) -> GreyScale:
        """Return the scale from 0 to the maximum, or symmetric about 0 if there are negative values."""
        largest = float(np.abs(values).max()) or 1.0
        return cls(-largest if values.min() < 0 else 0.0, largest)

    def to_bytes(self, values: Array) -> Array:
        """Return uint8 of the same shape, 0 at ``low`` and 255 at ``high``."""
        return np.rint((values - self.low) * (255 / (self.high - self.low))).clip(0, 255).astype(np.uint8)

    def __str__(self) -> str:
        return f"black {as_number(self.low)}, white {as_number(self.high)}"


class LayerMaps(PointTips):
    """The channels of a layer on one grey scale, under its name; a dense layer's units are a strip of squares."""

    def __init__(self, output: LayerOutput) -> None:
        super().__init__()
        self.setObjectName(f"maps_{output.name}")
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._output = output
        self.show_output(output)

    @property
    def title(self) -> str:
        """The layer's name and output shape, and how many channels are shown if not all."""
        shape, shown = self._output.shape, self._output.values.shape[-1]
        what = "channels" if len(shape) == 3 else "units"
        part = f", the first {shown} {what}" if shown < shape[-1] else ""
        return f"{self._output.name}  {'×'.join(map(str, shape))}{part}"

    def show_output(self, output: LayerOutput) -> None:
        """Show another output of the layer."""
        self._output = output
        self.scale = GreyScale.of(output.values)
        values = output.values if output.values.ndim == 3 else output.values[np.newaxis, np.newaxis, :]
        self.maps = np.ascontiguousarray(self.scale.to_bytes(values).transpose(2, 0, 1))
        self.update()

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """Return the height of the title and all rows of channels."""
        columns, side = self._grid(width)
        rows = -(-len(self.maps) // columns)
        return TITLE + rows * (side + GAP) + GAP

    def cell(self, channel: int) -> QRect:
        """Return the rectangle in which a channel is painted."""
        columns, side = self._grid(self.width())
        row, column = divmod(channel, columns)
        return QRect(column * (side + GAP), TITLE + row * (side + GAP), side, side)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint title and channels."""
        painter = QPainter(self)
        self._paint_title(painter)
        _, side = self._grid(self.width())
        # Smooth only when downscaling; when enlarged, pixels stay squares.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, side < self.maps.shape[1])
        border = self.palette().color(QPalette.ColorRole.Mid)
        for channel, pixels in enumerate(self.maps):
            place = self.cell(channel)
            if place.intersects(event.rect()):
                painter.drawImage(place, to_qimage(pixels[..., np.newaxis]))
                painter.setPen(border)
                painter.drawRect(place.adjusted(0, 0, -1, -1))

    def tip(self, at: QPoint) -> str:
        """Return the channel and its values at a point; empty between the channels."""
        channel = next((number for number in range(len(self.maps)) if self.cell(number).contains(at)), None)
        if channel is None:
            return ""
        values = self._output.values[..., channel]
        if values.ndim == 0:
            return f"{self._output.name}, unit {channel + 1}: {as_number(float(values))}"
        low, high = as_number(values.min()), as_number(values.max())
        return f"{self._output.name}, channel {channel + 1}: {low} to {high}"

    def _paint_title(self, painter: QPainter) -> None:
        place = QRect(0, 0, self.width(), TITLE)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, self.title)
        left = painter.fontMetrics().horizontalAdvance(self.title) + 4 * GAP
        painter.setPen(muted(self.palette()))
        painter.drawText(place.adjusted(left, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, str(self.scale))

    def _grid(self, width: int) -> tuple[int, int]:
        """Return the number of columns and the side of a cell."""
        if self._output.values.ndim == 3:
            least, largest, usual = MIN_MAP, MAX_MAP, MAPS_PER_ROW
        else:
            are_many = len(self.maps) > 2 * UNITS_PER_ROW
            least, largest, usual = MIN_UNIT, MAX_UNIT, MANY_UNITS_PER_ROW if are_many else UNITS_PER_ROW
        side = min(max((width + GAP) // usual - GAP, least), largest)
        return max(1, (width + GAP) // (side + GAP)), side


class FeatureMaps(QScrollArea):
    """The layers of a network, one below the other."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("feature_maps")
        self.setAccessibleName("What every layer gives")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # otherwise the width would depend on it
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.layers: list[LayerMaps] = []
        self._shown: list[tuple[str, tuple[int, ...]]] = []

    def show_layers(self, outputs: tuple[LayerOutput, ...]) -> None:
        """Show the outputs of all layers, first to last."""
        signature = [(output.name, output.shape) for output in outputs]
        if signature != self._shown:
            self._shown = signature
            self._rebuild(outputs)
            return
        for layer, output in zip(self.layers, outputs, strict=True):
            layer.show_output(output)

    def _rebuild(self, outputs: tuple[LayerOutput, ...]) -> None:
        self.layers = [LayerMaps(output) for output in outputs]
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, GAP, 0)
        column.setSpacing(GAP)
        for layer in self.layers:
            column.addWidget(layer)
        column.addStretch()
        self.setWidget(content)
        content.show()  # a widget set in a visible scroll area stays hidden otherwise
