"""First-layer weights as images, growing while they are learned: one grid a variant."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from engine.weight_images import common_scale, tile, to_bytes, weight_images
from gui.observations import Observations, VariantObservation
from gui.views.images import to_qimage

GRID_SIDE = 150  # pixels, the least at which a 3x3 kernel and a 32x32 image can both be read


class WeightGrid(QWidget):
    """The kernels of one variant's first layer, newest run, on one common grey scale."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.setObjectName(f"weights_{variant}")
        self._image = QImage()
        self._drawn: object = None
        self._title, self._caption = QLabel(f"<b>{variant}</b>"), QLabel("")
        self._caption.setObjectName("caption")
        self._canvas = _Canvas()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(2)
        for widget, stretch in ((self._title, 0), (self._canvas, 1), (self._caption, 0)):
            layout.addWidget(widget, stretch)

    def refresh(self, variant: VariantObservation) -> None:
        """Show the newest weights, if they are new."""
        run = variant.shown
        weights = run.weights if run is not None else None
        if run is None or weights is None or weights is self._drawn:
            return
        self._drawn = weights
        images = weight_images(weights)
        scale = common_scale(images)
        self._canvas.show_image(to_qimage(tile(to_bytes(images, scale), background=_background(self.palette()))))
        best = "best " if run.test_accuracy is not None and len(variant.runs) > 1 else ""
        self._caption.setText(f"{best}run {run.planned.spec.repeat}, step {weights.step:,}, ±{scale:.2g}")
        self.setToolTip(f"{weights.layer}: {len(images)} kernels; black is -{scale:.3g}, white {scale:.3g}")


class WeightGrids(QScrollArea):
    """The grids of all variants side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("weight_grids")
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self._grids: dict[str, WeightGrid] = {}
        self._fill(())

    def begin(self, observations: Observations) -> None:
        """Make room for the variants of a new plan."""
        self._fill(tuple(observations.variants))

    def refresh(self, observations: Observations) -> None:
        """Show the newest weights of every variant."""
        for name, variant in observations.variants.items():
            self._grids[name].refresh(variant)

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide one grid."""
        if name in self._grids:
            self._grids[name].setVisible(visible)

    def _fill(self, names: tuple[str, ...]) -> None:
        self._grids = {name: WeightGrid(name) for name in names}
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        for grid in self._grids.values():
            layout.addWidget(grid)
        if not names:
            hint = QLabel("The first layer's weights appear here, as images, while they are learned.")
            hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(hint)
        self.setWidget(row)


class _Canvas(QWidget):
    """Paints an image as large as fits, in whole squares of its pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(GRID_SIDE // 2, GRID_SIDE // 2))

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(GRID_SIDE, GRID_SIDE)

    def show_image(self, image: QImage) -> None:
        self._image = image
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        if self._image.isNull():
            return
        painter = QPainter(self)
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        # Smooth where pixels are lost; where they are enlarged, each stays a square.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, size.width() < self._image.width())
        painter.drawImage(QRect(0, 0, size.width(), size.height()), self._image)


def _background(palette: QPalette) -> int:
    """The grey between the images: that of the window."""
    return palette.color(QPalette.ColorRole.Window).lightness()
