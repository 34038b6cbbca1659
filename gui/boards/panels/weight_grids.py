"""A layer's weights as images while they are learned: one grid per variant."""

from __future__ import annotations

from html import escape

import numpy as np
from PySide6.QtCore import QEvent, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from engine.events.runs import Weights
from engine.networks.weight_images import GAP, WeightImages, tile, to_bytes, weight_images
from gui.boards.panels.weight_timeline import WeightTimeline
from gui.observations.experiment import Observations
from gui.observations.run import RunObservation
from gui.observations.variant import VariantObservation
from gui.observations.weight_history import WeightHistory, WeightSource
from gui.utils.painting import to_qimage
from gui.widgets.elided_label import ElidedLabel

GRID_SIDE = 150  # pixels, the minimum at which a 3x3 kernel and a 32x32 image are both legible
GRID_CHARACTERS = 25  # minimum width in characters
MARGINS = 8  # pixels, left plus right
LAST = -1
NAMES_WIDTH = 70  # pixels for the names left of the rows
MIN_ROW = 9  # pixels; names of lower rows would be illegible


class WeightGrid(QWidget):
    """The weights of one layer of one variant on one grey scale, of the best tested run or else the first."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.setObjectName(f"weights_{variant}")
        # Empty before the first drawing; a missing layer has None in it.
        self._drawn: tuple[object, ...] = ()
        self._variant = variant
        self._title, self._caption = QLabel(f"<b>{escape(variant)}</b>"), ElidedLabel()
        self._title.setObjectName("weights_title")
        self._caption.setObjectName("caption")
        self._canvas = _Canvas()
        # Of the canvas rather than the grid, which a long title may widen.
        self._canvas.setMinimumWidth(max(GRID_SIDE, GRID_CHARACTERS * self.fontMetrics().averageCharWidth()) - MARGINS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGINS // 2, 0, MARGINS // 2, 0)
        layout.setSpacing(2)
        for widget, stretch in ((self._title, 0), (self._canvas, 1), (self._caption, 0)):
            layout.addWidget(widget, stretch)

    @property
    def image(self) -> QImage:
        """The painted image; null if there is none."""
        return self._canvas.image

    def show_layer(
        self, run: RunObservation, weights: Weights | None, is_best: bool, scale: float, class_names: tuple[str, ...]
    ) -> None:
        """Show ``weights`` of ``run`` from -``scale`` (black) to ``scale`` (white), unless already shown."""
        which = None if weights is None else (weights.run, weights.layer, weights.step)
        key = (which, is_best, scale, _gap_grey(self.palette()))
        if key == self._drawn:
            return
        self._drawn = key
        if weights is None:
            self._canvas.show_image(QImage(), ())
            self._title.setText(f"<b>{escape(self._variant)}</b>")
            self._caption.setText(f"has {len(run.layers)} layers")
            return
        self._show(weights, scale, class_names if weights.layer == run.layers[-1] else ())
        self._title.setText(f"<b>{escape(self._variant)}</b> {weights.layer}")
        best = "best " if is_best else ""
        size = f"±{scale:.2g}" if np.isfinite(weights.values).all() else "not all finite"
        self._caption.setText(f"{best}run {run.planned.spec.repeat}, step {weights.step:,}, {size}")
        # The width never shrinks, or the grids would move with every number.
        self._caption.setMinimumWidth(max(self._caption.minimumWidth(), self._caption.sizeHint().width()))

    def _show(self, weights: Weights, scale: float, row_names: tuple[str, ...]) -> None:
        found = weight_images(weights)
        grid = tile(to_bytes(found.images, scale), _gap_grey(self.palette()), found.columns)
        self._canvas.show_image(to_qimage(grid), row_names if found.columns else (), stretch=found.columns == 1)
        self.setToolTip(
            f"<p>{weights.layer} at step {weights.step:,}: {_describe(found)}. Black is -{scale:.3g}, white "
            f"{scale:.3g}, the largest weight of this layer at any step kept, so that steps can be compared.</p>"
        )


class WeightGrids(QWidget):
    """The grids of all variants side by side, with the choice of layer and step.

    Emits ``failed(message)`` if stored weights can't be read.
    """

    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("weight_grids")
        self._layer = QComboBox()
        self._layer.setObjectName("weights_layer")
        self._layer.setAccessibleName("Layer whose weights are shown")
        self._layer.setToolTip("Which layer's weights are shown as images")
        self._layer.currentIndexChanged.connect(self._choose)
        self._timeline = WeightTimeline()
        self._timeline.chosen.connect(self._redraw_all)
        self._source: WeightSource | None = None
        self._history = WeightHistory()
        self._queue: list[str] = []  # grids to be drawn, one per iteration of the event loop
        self._draw_timer = QTimer(self, interval=0)
        self._draw_timer.timeout.connect(self._draw_next)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._grids: dict[str, WeightGrid] = {}
        self._observations = Observations()
        self._arrange()
        self._offer_layers(1)
        self._fill(())

    def begin(self, observations: Observations) -> None:
        """Set up for the variants of a new plan."""
        self._observations, self._queue = observations, []
        self._history.drop()
        self._history = WeightHistory(self._source, self._take_stored, self._fail)
        self._fill(tuple(observations.variants))

    def use_weight_source(self, source: WeightSource) -> None:
        """Read weights of earlier steps from ``source``, from the next plan on."""
        self._source = source

    @property
    def is_complete(self) -> bool:
        """Whether everything requested is drawn."""
        return self._history.is_complete and not self._draw_timer.isActive()

    def refresh(self, observations: Observations) -> None:
        """Show every variant's weights at the chosen step."""
        self._offer_layers(max((len(run.layers) for run in observations.runs.values()), default=1))
        for variant in observations.variants.values():
            newest = self._newest(variant)
            if newest is not None:
                self._history.note(newest)
        self._timeline.show_steps(self._steps())
        for name in observations.variants:
            self._draw(name)

    def show_variant(self, name: str, visible: bool) -> None:
        """Show or hide one grid."""
        if name in self._grids:
            self._grids[name].setVisible(visible)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Redraw with the gaps of a changed palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._redraw_all(None)

    def _choose(self, _index: int) -> None:
        self.refresh(self._observations)

    def _newest(self, variant: VariantObservation) -> Weights | None:
        return _layer(variant.shown, self._layer.currentData()) if variant.shown is not None else None

    def _steps(self) -> list[int]:
        """Return the steps at which weights of any grid are known, ascending."""
        newest = [found for v in self._observations.variants.values() if (found := self._newest(v)) is not None]
        return sorted({step for each in newest for step in self._history.steps(each.run, each.layer)})

    def _draw(self, name: str) -> None:
        variant = self._observations.variants[name]
        run, newest, step = variant.shown, self._newest(variant), self._timeline.step
        if run is None:
            return
        shown, scale = newest, 1.0
        if newest is not None:
            scale = self._history.scale(newest)
            shown = newest if step is None else self._history.at(newest, step)
            if shown is None:
                return  # drawn once it has been read
        is_best = run.test_accuracy is not None and len(variant.runs) > 1
        self._grids[name].show_layer(run, shown, is_best, scale, variant.class_names)

    def _redraw_all(self, _step: int | None) -> None:
        """Redraw all grids, visible ones first."""
        self._queue = sorted(self._grids, key=lambda name: self._grids[name].isHidden())
        self._draw_timer.start()

    def _draw_next(self) -> None:
        if self._queue:
            self._draw(self._queue.pop(0))
        else:
            self._draw_timer.stop()

    def _take_stored(self) -> None:
        self._timeline.show_steps(self._steps())
        self._redraw_all(None)

    def _fail(self, sentence: str) -> None:
        """Report that stored weights can't be read, and stop reading until the next plan."""
        self._history, self._queue = WeightHistory(), []
        self.failed.emit(sentence)

    def _offer_layers(self, layers: int) -> None:
        """Offer as many layers as the deepest network has; the choice is kept."""
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
        side.addWidget(self._timeline)
        caption = QLabel("one grey scale a layer\nfor all steps")
        caption.setObjectName("caption")
        side.addWidget(caption)
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
    """Paints an image as large as fits, and the names of its rows if there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
        self._row_names: tuple[str, ...] = ()
        self._stretch = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(GRID_SIDE - 8, GRID_SIDE // 2))  # the grid adds margins

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(GRID_SIDE, GRID_SIDE)

    def show_image(self, image: QImage, row_names: tuple[str, ...], stretch: bool = False) -> None:
        """Show an image; ``stretch`` fills the canvas with pixels that need not be square."""
        self.image, self._row_names, self._stretch = image, row_names, stretch
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        if self.image.isNull():
            return
        painter = QPainter(self)
        left = NAMES_WIDTH if self._row_names and self.height() / len(self._row_names) >= MIN_ROW else 0
        room = QSize(self.width() - left, self.height())
        mode = Qt.AspectRatioMode.IgnoreAspectRatio if self._stretch else Qt.AspectRatioMode.KeepAspectRatio
        size = self.image.size().scaled(room, mode)
        if left:
            # Named rows use the full height, even if pixels of a wide image are then not square.
            size.setHeight(self.height())
            self._name_rows(painter, size.height())
        # Smooth only when downscaling; when enlarged, pixels stay squares.
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, size.width() < self.image.width())
        painter.drawImage(QRect(left, 0, size.width(), size.height()), self.image)

    def _name_rows(self, painter: QPainter, height: int) -> None:
        font = painter.font()
        row = (height - GAP) / len(self._row_names)
        font.setPixelSize(max(MIN_ROW - 1, min(11, int(row))))
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


def _gap_grey(palette: QPalette) -> int:
    """Return the grey level between the images, that of the window."""
    return palette.color(QPalette.ColorRole.Window).lightness()
