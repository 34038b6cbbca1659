"""What a network's file holds: its layers, and the weights of its first layer as images."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QRect, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette, QShowEvent
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from engine.events.inference import NetworkOpened
from engine.networks.architectures import LayerSummary, summarize
from engine.networks.weight_images import common_scale, tile, to_bytes, weight_images
from engine.utils.text import pluralise
from gui.forms.network_table import NetworkTable
from gui.utils.painting import to_qimage
from gui.widgets.elided_label import ElidedLabel
from gui.widgets.factories import named

LARGEST_PIXEL = 4  # on the screen; small kernels are enlarged before


def layers_of_file(opened: NetworkOpened) -> tuple[LayerSummary, ...]:
    """Return the layers of a file, with their names there."""
    layers = summarize(opened.architecture, opened.shape, opened.classes)
    names = {layer.name: name for layer, name in zip(layers, opened.names, strict=True)}
    return tuple(
        replace(layer, name=names[layer.name], inputs=tuple(names.get(each, each) for each in layer.inputs))
        for layer in layers
    )


class FirstWeights(QWidget):
    """The weights of the first layer that has some, on one grey scale, or in colour for images in colour.

    They are drawn once they are in sight, as a large layer takes tenths of a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("first_weights")
        self.setAccessibleName("Weights of the first layer")
        self._opened: NetworkOpened | None = None
        self._is_drawn = False
        self._caption = ElidedLabel()
        self._caption.setObjectName("caption")
        self._picture = _Picture()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self._caption)
        column.addWidget(self._picture, 1)

    @property
    def image(self) -> QImage:
        """The painted image; null if there is none."""
        return self._picture.image

    @property
    def caption(self) -> str:
        """What is shown."""
        return self._caption.text()

    def show_weights(self, opened: NetworkOpened) -> None:
        """Show the weights of a network's file."""
        self._opened, self._is_drawn = opened, False
        self._draw()

    def clear(self) -> None:
        """Show nothing."""
        self._opened = None
        self._caption.setText("")
        self._picture.show_image(QImage())

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Draw what was not in sight before."""
        super().showEvent(event)
        self._draw()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Paint the gaps in the new colour of the window."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._is_drawn = False
            self._draw()

    def _draw(self) -> None:
        opened = self._opened
        if opened is None or self._is_drawn or not self.isVisible():
            return
        self._is_drawn = True
        found = weight_images(opened.weights)
        scale = common_scale(found.images)
        background = self.palette().color(QPalette.ColorRole.Window).lightness()
        self._picture.show_image(to_qimage(tile(to_bytes(found.images, scale), background, found.columns)))
        shown, outputs = len(opened.weights.values), opened.outputs
        part = f"first {shown} of {outputs:,}"
        count = pluralise(shown, "image") if shown == outputs else f"{part} images"
        if found.columns is not None:
            rows = f"{outputs} outputs" if shown == outputs else f"the {part} outputs"
            count = f"a row for each of {rows}, a column for each of {opened.weights.values.shape[1]} inputs"
        self._caption.setText(f"{opened.weights.layer}: {count}; black {-scale:.3g}, white {scale:.3g}")


class NetworkPages(QTabWidget):
    """The output of a network in front, and behind it what its file holds."""

    def __init__(self, output: QWidget) -> None:
        super().__init__()
        named(self, "try_pages", "What the network does, and what it consists of")
        self.setDocumentMode(True)
        self._layers, self._weights = NetworkTable(), FirstWeights()
        for page, title in ((output, "Output"), (self._layers, "Layers"), (self._weights, "First weights")):
            self.addTab(page, title)

    @property
    def shows_contents(self) -> bool:
        """Whether what the file holds is in front."""
        return self.currentIndex() > 0

    def show_file(self, opened: NetworkOpened) -> None:
        """Show what a file holds."""
        self._layers.show_layers(layers_of_file(opened))
        self._weights.show_weights(opened)

    def clear_file(self) -> None:
        """Show no file."""
        self._layers.clear_layers()
        self._weights.clear()


class _Picture(QWidget):
    """An image, as large as fits; its pixels stay squares."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()

    def show_image(self, image: QImage) -> None:
        self.image = image
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        if self.image.isNull():
            return
        largest = self.size().boundedTo(self.image.size() * LARGEST_PIXEL)
        size = self.image.size().scaled(largest, Qt.AspectRatioMode.KeepAspectRatio)
        painter = QPainter(self)
        # Smooth only when downscaling; when enlarged, pixels stay squares.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, size.width() < self.image.width())
        painter.drawImage(QRect(0, 0, size.width(), size.height()), self.image)
