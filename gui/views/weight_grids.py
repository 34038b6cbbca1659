"""A layer's weights as images, growing while they are learned: one grid a variant."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from engine.events import Weights
from engine.weight_images import GAP, WeightImages, common_scale, tile, to_bytes, weight_images
from gui.observations import Observations, RunObservation, VariantObservation
from gui.views.elided_label import ElidedLabel
from gui.views.images import to_qimage

GRID_SIDE = 150  # pixels, the least at which a 3x3 kernel and a 32x32 image can both be read
GRID_CHARACTERS = 25  # or as much as these take
MARGINS = 8  # pixels, left and right together
LAST = -1
NAMES_WIDTH = 70  # pixels left of the rows for what they are called
LEAST_ROW = 9  # pixels; names of lower rows could not be read


class WeightGrid(QWidget):
    """The kernel of one layer of one variant on one grey scale: of the best run tested, or else the first."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.setObjectName(f"weights_{variant}")
        self._drawn: object = self  # no weights, and other than None, which stands for a layer there is not
        self._drawn_as_best = False
        self._variant = variant
        self._title, self._caption = QLabel(f"<b>{variant}</b>"), ElidedLabel()
        self._caption.setObjectName("caption")
        self._canvas = _Canvas()
        # Of the canvas, not of the whole: a long title may widen it.
        self._canvas.setMinimumWidth(max(GRID_SIDE, GRID_CHARACTERS * self.fontMetrics().averageCharWidth()) - MARGINS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGINS // 2, 0, MARGINS // 2, 0)
        layout.setSpacing(2)
        for widget, stretch in ((self._title, 0), (self._canvas, 1), (self._caption, 0)):
            layout.addWidget(widget, stretch)

    def refresh(self, variant: VariantObservation, position: int, class_names: tuple[str, ...]) -> None:
        """Show the newest weights of the layer at ``position`` (:data:`LAST`: the last), if they are new."""
        run = variant.shown
        if run is None:
            return
        weights = _layer(run, position)
        is_best = run.test_accuracy is not None and len(variant.runs) > 1
        if weights is self._drawn and is_best == self._drawn_as_best:
            return
        self._drawn, self._drawn_as_best = weights, is_best
        if weights is None:
            self._canvas.show_image(QImage(), ())
            self._title.setText(f"<b>{self._variant}</b>")
            self._caption.setText(f"has {len(run.layers)} layers")
            return
        self._show(weights, class_names if weights.layer == run.layers[-1] else ())
        scale = common_scale(weight_images(weights).images)
        self._title.setText(f"<b>{self._variant}</b> {weights.layer}")
        best = "best " if is_best else ""
        size = f"±{scale:.2g}" if np.isfinite(weights.values).all() else "not all finite"
        self._caption.setText(f"{best}run {run.planned.spec.repeat}, step {weights.step:,}, {size}")

    def _show(self, weights: Weights, row_names: tuple[str, ...]) -> None:
        found = weight_images(weights)
        scale = common_scale(found.images)
        grid = tile(to_bytes(found.images, scale), _background(self.palette()), found.columns)
        self._canvas.show_image(to_qimage(grid), row_names if found.columns else (), stretch=found.columns == 1)
        self.setToolTip(f"{weights.layer}: {_describe(found)}; black is -{scale:.3g}, white {scale:.3g}")


class WeightGrids(QWidget):
    """The grids of all variants side by side, and which layer they show."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("weight_grids")
        self._layer = QComboBox()
        self._layer.setObjectName("weights_layer")
        self._layer.setAccessibleName("Layer whose weights are shown")
        self._layer.setToolTip("Which layer's weights are shown as images")
        self._layer.currentIndexChanged.connect(self._choose)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._grids: dict[str, WeightGrid] = {}
        self._observations = Observations()
        self._arrange()
        self._offer(1)
        self._fill(())

    def begin(self, observations: Observations) -> None:
        """Make room for the variants of a new plan."""
        self._observations = observations
        self._fill(tuple(observations.variants))

    def refresh(self, observations: Observations) -> None:
        """Show the newest weights of every variant."""
        self._offer(max((len(run.layers) for run in observations.runs.values()), default=1))
        class_names = observations.info.class_names if observations.info else ()
        for name, variant in observations.variants.items():
            self._grids[name].refresh(variant, self._layer.currentData(), class_names)

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide one grid."""
        if name in self._grids:
            self._grids[name].setVisible(visible)

    def _choose(self, _index: int) -> None:
        self.refresh(self._observations)

    def _offer(self, layers: int) -> None:
        """Offer as many layers as the deepest network has; the choice stays."""
        texts = ["First layer", *(f"Layer {number}" for number in range(2, layers)), "Last layer"]
        if len(texts) == self._layer.count():
            return
        chosen = self._layer.currentData()
        self._layer.blockSignals(True)
        self._layer.clear()
        for position, text in enumerate(texts):
            self._layer.addItem(text, LAST if position == len(texts) - 1 else position)
        self._layer.setCurrentIndex(max(0, self._layer.findData(chosen)))
        self._layer.blockSignals(False)

    def _arrange(self) -> None:
        side = QVBoxLayout()
        side.addWidget(QLabel("<b>Weights</b>"))
        side.addWidget(self._layer)
        side.addStretch()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 0, 0)
        layout.addLayout(side)
        layout.addWidget(self._area, 1)

    def _fill(self, names: tuple[str, ...]) -> None:
        self._grids = {name: WeightGrid(name) for name in names}
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        for grid in self._grids.values():
            layout.addWidget(grid)
        if not names:
            hint = QLabel("A layer's weights appear here, as images, while they are learned.")
            hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(hint)
        self._area.setWidget(row)


class _Canvas(QWidget):
    """Paints an image as large as fits, in whole squares of its pixels, and names its rows where there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self._row_names: tuple[str, ...] = ()
        self._stretch = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(GRID_SIDE // 2, GRID_SIDE // 2))

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(GRID_SIDE, GRID_SIDE)

    def show_image(self, image: QImage, row_names: tuple[str, ...], stretch: bool = False) -> None:
        """``stretch`` fills the room with an image whose pixels need not be square."""
        self._image, self._row_names, self._stretch = image, row_names, stretch
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        if self._image.isNull():
            return
        painter = QPainter(self)
        left = NAMES_WIDTH if self._row_names and self.height() / len(self._row_names) >= LEAST_ROW else 0
        room = QSize(self.width() - left, self.height())
        mode = Qt.AspectRatioMode.IgnoreAspectRatio if self._stretch else Qt.AspectRatioMode.KeepAspectRatio
        size = self._image.size().scaled(room, mode)
        if left:
            # Rows of a class each are read by their names: higher, if the image is broad, than its pixels' shape.
            size.setHeight(self.height())
            self._name_rows(painter, size.height())
        # Smooth where pixels are lost; where they are enlarged, each stays a square.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, size.width() < self._image.width())
        painter.drawImage(QRect(left, 0, size.width(), size.height()), self._image)

    def _name_rows(self, painter: QPainter, height: int) -> None:
        font = painter.font()
        row = (height - GAP) / len(self._row_names)
        font.setPixelSize(max(LEAST_ROW - 1, min(11, int(row))))
        painter.setFont(font)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        for position, name in enumerate(self._row_names):
            place = QRect(0, round(position * row), NAMES_WIDTH - 4, round(row) + GAP)
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, place.width())
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)


def _layer(run: RunObservation, position: int) -> Weights | None:
    if position >= len(run.layers):
        return None
    return run.weights.get(run.layers[position])


def _describe(found: WeightImages) -> str:
    if found.columns is None:
        return f"{len(found.images)} kernels"
    return (
        f"a row for each of {len(found.images) // found.columns} outputs, a column for each of {found.columns} inputs"
    )


def _background(palette: QPalette) -> int:
    """The grey between the images: that of the window."""
    return palette.color(QPalette.ColorRole.Window).lightness()
