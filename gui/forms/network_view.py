"""The picture of a network, to zoom and move, save and copy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QContextMenuEvent,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QFileDialog,
    QGraphicsItem,
    QGraphicsRectItem,
    QGraphicsScene,
    QGraphicsView,
    QMenu,
    QStyleOptionGraphicsItem,
    QWidget,
)

from engine.analysis.network_drawing import drawn
from engine.networks.architectures import LayerSummary
from engine.networks.diagram import Diagram, lay_out
from engine.networks.diagram.blocks import WIDTH
from engine.utils.errors import ExportError
from gui.forms.network_picture import inks_of, paint, save_picture, to_image

PAGE = (1.5, 1.0)  # proportions of a picture in a file
READABLE, LARGEST_FIT = 0.75, 1.4  # of the scales at which a picture is first shown
SMALLEST, LARGEST = 0.2, 5.0  # of those one can zoom to
ZOOM_STEP = 1.15  # for a step of the wheel
WHEEL_STEP = 120  # of a wheel's angle
OUTDATED = 0.35  # opacity of the picture of a text that is wrong by now


class NetworkView(QGraphicsView):
    """A picture that fits the view, or is as wide as the view if it would not be legible, until the user zooms.

    Ctrl with the wheel, + and - zoom, dragging moves, 0 and a double click show the whole. Emits ``failed(sentence)``
    if a file can't be written.
    """

    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("network_picture")
        self.setAccessibleName("Picture of the network")
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setMinimumSize(200, 120)
        self._summaries: Sequence[LayerSummary] = ()
        self._diagram: Diagram | None = None
        self._zoomed = self._outdated = self._whole = False
        self.name = "network"  # of the file that is proposed
        self.save = QAction("&Save picture…", self)
        self.save.setToolTip("Write the picture to an SVG or PNG file")
        self.save.triggered.connect(self._save)
        self.copy = QAction("&Copy picture", self)
        self.copy.setToolTip("Copy the picture to the clipboard")
        self.copy.triggered.connect(self._copy)
        self.fit = QAction("Show &all", self)
        self.fit.setToolTip(
            "Show the whole picture (0, or a double click in it); + and -, or Ctrl with the wheel, zoom"
        )
        self.fit.triggered.connect(self._fit_whole)
        for action in (self.save, self.copy, self.fit):
            action.setEnabled(False)

    def show_network(self, summaries: Sequence[LayerSummary]) -> None:
        """Show the layers of a network."""
        if self._summaries == summaries and not self._outdated:
            return
        self._summaries, self._outdated = summaries, False
        self._arrange()
        parameters = sum(layer.parameters for layer in summaries)
        self.setAccessibleDescription(f"{', '.join(layer.name for layer in summaries)}; {parameters:,} parameters")
        for action in (self.save, self.copy, self.fit):
            action.setEnabled(True)

    def fade(self) -> None:
        """Show that the picture is that of an earlier text."""
        self._outdated = True
        if self._summaries:
            self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Break the picture into other columns where the view has got other proportions."""
        super().resizeEvent(event)
        if not self._zoomed and self._summaries:
            self._arrange()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Repaint with the colours of a changed palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.scene() is not None:
            self.scene().update()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom at the pointer if Ctrl is held, else scroll."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event)
            return
        self._zoom(ZOOM_STEP ** (event.angleDelta().y() / WHEEL_STEP))
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Show the whole picture, or if that is shown, what is legible of it."""
        self._show_fitting(whole=not self._whole)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Zoom by keys."""
        match event.text():
            case "+":
                self._zoom(ZOOM_STEP)
            case "-":
                self._zoom(1 / ZOOM_STEP)
            case "0":
                self._fit_whole()
            case _:
                super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Offer to save, copy and fit."""
        menu = QMenu(self)
        menu.addActions([self.save, self.copy, self.fit])
        menu.exec(event.globalPos())
        menu.deleteLater()

    def _arrange(self) -> None:
        room = self.maximumViewportSize()
        self._diagram = lay_out(self._summaries, (room.width(), room.height()), 0.0 if self._whole else READABLE)
        if self.scene() is not None:
            self.scene().deleteLater()
        scene = QGraphicsScene(self)
        item = _Picture(self._diagram, self)
        item.setOpacity(OUTDATED if self._outdated else 1.0)
        scene.addItem(item)
        self.setScene(scene)
        self.setSceneRect(item.boundingRect())
        if not self._zoomed:
            self._fit()

    def _fit_whole(self) -> None:
        self._show_fitting(whole=True)

    def _show_fitting(self, whole: bool) -> None:
        self._zoomed, self._whole = False, whole
        if self._summaries:
            self._arrange()

    def _fit(self) -> None:
        """Show all of the picture, or the beginning of one that would not be legible."""
        if self._diagram is None:
            return
        room = self.maximumViewportSize()
        scale = min(room.width() / self._diagram.width, room.height() / self._diagram.height)
        self.resetTransform()
        self.scale(*[min(scale if self._whole else max(scale, READABLE), LARGEST_FIT)] * 2)
        for bar in (self.horizontalScrollBar(), self.verticalScrollBar()):
            bar.setValue(bar.minimum())

    def _zoom(self, factor: float) -> None:
        scale = min(max(self.transform().m11() * factor, SMALLEST), LARGEST)
        self._zoomed = True
        self.scale(*[scale / self.transform().m11()] * 2)

    def _save(self) -> None:
        kinds = "SVG (*.svg);;PNG (*.png)"
        chosen, kind = QFileDialog.getSaveFileName(self, "Choose a file for the picture", f"{self.name}.svg", kinds)
        if not chosen:
            return
        path = Path(chosen)
        try:
            save_picture(self._page(), path if path.suffix else path.with_suffix(f".{kind[:3].lower()}"))
        except ExportError as error:
            self.failed.emit(str(error))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setImage(to_image(self._page()))

    def _page(self) -> Diagram:
        """Return the picture as arranged for a page, whatever the size of the view."""
        return lay_out(self._summaries, PAGE)


class _Picture(QGraphicsItem):
    """All of a picture; its children are invisible and have the tool tips of the blocks."""

    def __init__(self, diagram: Diagram, view: QWidget) -> None:
        super().__init__()
        self._diagram, self._view = diagram, view
        self._marks = list(drawn(diagram))
        for block in diagram.blocks:
            place = QGraphicsRectItem(block.x, block.y, WIDTH, block.height, self)
            place.setPen(Qt.PenStyle.NoPen)
            place.setToolTip(block.tip)

    def boundingRect(self) -> QRectF:  # noqa: N802
        """Return the whole area."""
        return QRectF(0, 0, self._diagram.width, self._diagram.height)

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        """Paint in the colours of the view's palette."""
        paint(painter, self._marks, inks_of(self._view.palette()))
