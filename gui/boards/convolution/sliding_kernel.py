"""A kernel sliding over an image: window, kernel, products and sum."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSignalBlocker, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from engine.events.experiments import Computed
from engine.experiments.convolution.numpy_convolution import normalized
from engine.utils.arrays import Array
from gui.boards.convolution.numbers import as_number
from gui.boards.convolution.pixels import PixelImage, grey_image
from gui.boards.convolution.products import Products, share_of_channel
from gui.observations.experiment import Observations
from gui.widgets.placeholder import Placeholder

STEP_MS = 80  # slow enough to follow one product, fast enough to complete an image of 25 rows within a minute
NAME_LENGTH = 15  # characters, the longest name of a built-in kernel


class SlidingKernel(QWidget):
    """Input, numbers and output of one image and one kernel at one position; emits ``chosen(image, kernel)``."""

    chosen = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("convolution_slide")
        self._computed: Computed | None = None
        self.position = (0, 0)  # row and column of the output, also of the window's first pixel
        self._image, self._channel, self._kernel = _index_box("slide_image"), _index_box("slide_channel"), QComboBox()
        self._kernel.setObjectName("slide_kernel")
        self._kernel.setMinimumContentsLength(NAME_LENGTH)
        self._play = QPushButton("Play")
        self._play.setObjectName("slide_play")
        self._play.setCheckable(True)
        self._play.setToolTip("Slide the window over the whole image, row by row")
        self._timer = QTimer(self, interval=STEP_MS)
        self._input, self._output = PixelImage("slide_input", "Input"), PixelImage("slide_output", "Output")
        self._products, self._channel_label = Products(), QLabel("Channel")
        self._captions = {widget: _caption() for widget in (self._input, self._output)}
        self._pages = Placeholder(
            "The kernel slides over the images here: pixels, products and their sum.", self._body()
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.addLayout(self._controls())
        layout.addWidget(self._pages, 1)
        self._connect()
        self._enable(False)

    def begin(self, _observations: Observations) -> None:
        """Clear the images."""
        self._computed = None
        self._enable(False)

    def refresh(self, observations: Observations) -> None:
        """Show the first image and kernel at the position of the strongest response, when available."""
        computed = observations.computed
        if computed is None or computed is self._computed:
            return
        self._computed = computed
        images, _, _, width = computed.arrays["loops"].shape
        with QSignalBlocker(self._kernel), QSignalBlocker(self._image), QSignalBlocker(self._channel):
            self._kernel.clear()
            self._kernel.addItems(computed.findings["kernel_names"])
            _set_count(self._image, images)
            _set_count(self._channel, computed.arrays["input"].shape[1])
        self.position = divmod(int(np.abs(computed.arrays["loops"][0, 0]).argmax()), width)
        self._enable(True)
        self._show_images()

    def choose(self, image: int, kernel: int) -> None:
        """Show another image or kernel at the same position."""
        with QSignalBlocker(self._image), QSignalBlocker(self._kernel):
            self._image.setValue(image + 1)
            self._kernel.setCurrentIndex(kernel)
        self._show_images()

    def move_to(self, row: int, column: int) -> None:
        """Show the output pixel at ``row`` and ``column``, clipped to the image."""
        height, width = self._arrays["loops"].shape[2:]
        self.position = (min(max(row, 0), height - 1), min(max(column, 0), width - 1))
        self._show_position()

    @property
    def _arrays(self) -> dict[str, Array]:
        return self._computed.arrays if self._computed is not None else {}

    @property
    def _indices(self) -> tuple[int, int, int]:
        """Image, kernel and channel, from 0."""
        return self._image.value() - 1, self._kernel.currentIndex(), self._channel.value() - 1

    def _enable(self, enabled: bool) -> None:
        self._play.setChecked(False)
        for widget in (self._image, self._kernel, self._channel, self._play):
            widget.setEnabled(enabled)
        several = enabled and self._channel.maximum() > 1
        self._channel.setVisible(several)
        self._channel_label.setVisible(several)
        self._pages.show_content(enabled)

    def _show_images(self) -> None:
        """Draw what depends on image, kernel and channel."""
        if self._computed is None:
            return
        image, kernel, channel = self._indices
        input, output = self._arrays["input"], self._arrays["loops"][image, kernel]
        self._input.show_image(grey_image(input[image, channel], float(input.min()), float(input.max())))
        self._output.show_image(grey_image(normalized(output), 0.0, 1.0))
        for widget, name, values in ((self._input, "Input", input[image, channel]), (self._output, "Output", output)):
            low, high = as_number(values.min()), as_number(values.max())
            self._captions[widget].setText(f"{name}, {values.shape[0]}x{values.shape[1]}, from {low} to {high}")
        self._show_position()
        self.chosen.emit(image, kernel)

    def _show_position(self) -> None:
        """Draw what depends on the position."""
        (image, kernel, channel), (row, column) = self._indices, self.position
        input, weights = self._arrays["input"], self._arrays["kernel"][kernel, channel]
        height, width = weights.shape
        self._input.mark(row, column, height, width)
        self._output.mark(row, column, 1, 1)
        self._output.reveal(self._index + 1 if self._play.isChecked() else None)
        window = input[image, channel, row : row + height, column : column + width]
        total = self._products.show_position(window, weights, float(input.min()), float(input.max()))
        self._products.show_sum(
            float(self._arrays["loops"][image, kernel, row, column]),
            f"output in row {row + 1}, column {column + 1}",
            share_of_channel(total, channel, input.shape[1]),
        )

    @property
    def _index(self) -> int:
        """Row-major index of the output pixel."""
        return int(self.position[0] * self._arrays["loops"].shape[3] + self.position[1])

    def _toggle_play(self, playing: bool) -> None:
        self._play.setText("Pause" if playing else "Play")
        if not playing:
            self._timer.stop()
            self._output.reveal(None)
            return
        self._timer.start()

    def _advance(self) -> None:
        """Move to the next output pixel, from the last one to the first."""
        height, width = self._arrays["loops"].shape[2:]
        self.move_to(*divmod((self._index + 1) % (height * width), width))

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Stop playing when hidden."""
        self._play.setChecked(False)
        super().hideEvent(event)

    def _pick_input(self, row: int, column: int) -> None:
        """Centre the window at the picked pixel."""
        height, width = self._arrays["kernel"].shape[2:]
        self.move_to(row - height // 2, column - width // 2)

    def _step(self, rows: int, columns: int) -> None:
        self.move_to(self.position[0] + rows, self.position[1] + columns)

    def _connect(self) -> None:
        self._input.picked.connect(self._pick_input)
        self._output.picked.connect(self.move_to)
        for picture in (self._input, self._output):
            picture.stepped.connect(self._step)
            picture.setToolTip("Click, drag or use the arrow keys to move the window")
        for spin in (self._image, self._channel):
            spin.valueChanged.connect(lambda _value: self._show_images())
        self._kernel.currentIndexChanged.connect(lambda _index: self._show_images())
        self._play.toggled.connect(self._toggle_play)
        self._timer.timeout.connect(self._advance)

    def _controls(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(QLabel("<b>The kernel sliding</b>"))
        row.addSpacing(12)
        for label, widget in (
            (QLabel("Image"), self._image),
            (QLabel("Kernel"), self._kernel),
            (self._channel_label, self._channel),
        ):
            label.setBuddy(widget)
            widget.setAccessibleName(label.text())
            row.addWidget(label)
            row.addWidget(widget)
        row.addWidget(self._play)
        row.addStretch()
        return row

    def _body(self) -> QWidget:
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addLayout(_column(self._captions[self._input], self._input), 5)
        row.addWidget(self._products, 7)
        row.addLayout(_column(self._captions[self._output], self._output), 5)
        return body


def _index_box(name: str) -> QSpinBox:
    box = QSpinBox()
    box.setObjectName(name)
    _set_count(box, 1)
    return box


def _set_count(box: QSpinBox, count: int) -> None:
    box.setRange(1, count)
    box.setValue(1)
    box.setSuffix(f" of {count}")


def _caption(text: str = "") -> QLabel:
    label = QLabel(text)
    label.setObjectName("caption")
    return label


def _column(caption: QLabel, picture: QWidget) -> QVBoxLayout:
    column = QVBoxLayout()
    column.addWidget(caption)
    column.addWidget(picture, 1)
    return column
