"""Painting of a network's picture, on the screen and into files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPalette, QPen, QPolygonF
from PySide6.QtSvg import QSvgGenerator

from engine.analysis.network_drawing import ON_WHITE, Align, Box, Ink, Label, Mark, Paint, Polygon, Stroke, drawn
from engine.networks.diagram import Diagram
from engine.utils.errors import ExportError
from engine.utils.files import atomic_path
from gui.utils.theme import muted

FINENESS = 4  # fonts have whole sizes, so texts are laid out this much larger and scaled down
LABEL_ROOM = 400.0  # width that no label reaches
PNG_SCALE = 3
SUFFIXES = (".svg", ".png")
_ALIGNMENTS = {
    Align.LEFT: Qt.AlignmentFlag.AlignLeft,
    Align.CENTER: Qt.AlignmentFlag.AlignHCenter,
    Align.RIGHT: Qt.AlignmentFlag.AlignRight,
}


def inks_of(palette: QPalette) -> dict[Ink, str]:
    """Return the colours for the background of a palette."""
    role = QPalette.ColorRole
    return {
        Ink.TEXT: palette.color(role.Text).name(),
        Ink.MUTED: muted(palette).name(),
        Ink.LINE: _between(palette.color(role.Text), palette.color(role.Base), 0.45).name(),
        Ink.CARD: palette.color(role.Base).name(),
        Ink.FRAME: _between(palette.color(role.Text), palette.color(role.Base), 0.07).name(),
    }


def paint(painter: QPainter, marks: Iterable[Mark], inks: Mapping[Ink, str]) -> None:
    """Paint a picture in its own units."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for mark in marks:
        match mark:
            case Box(x, y, width, height, radius, fill, outline):
                painter.setPen(QPen(_colour(outline, inks), 1.0) if outline is not None else Qt.PenStyle.NoPen)
                painter.setBrush(_colour(fill, inks))
                painter.drawRoundedRect(QRectF(x, y, width, height), radius, radius)
            case Polygon(points, fill):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(_colour(fill, inks))
                painter.drawPolygon(QPolygonF([QPointF(*point) for point in points]))
            case Stroke(points, ink, width):
                pen = QPen(_colour(ink, inks), width)
                pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
                painter.setPen(pen)
                painter.drawPolyline([QPointF(*point) for point in points])
            case Label():
                _paint_label(painter, mark, inks)


def save_picture(diagram: Diagram, path: Path) -> None:
    """Write a picture on a white background, as SVG or PNG by the file's ending.

    Raises:
        ExportError: if the ending is another one, or the file can't be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ExportError(f"{path.name} has no ending of a picture; choose a name that ends with .svg or .png.")
    contents = _svg(diagram) if suffix == ".svg" else to_png(to_image(diagram))
    try:
        with atomic_path(path) as part:
            part.write_bytes(contents)
    except OSError as error:
        raise ExportError(f"{path} can't be written ({error.strerror}); choose another folder.") from error


def to_image(diagram: Diagram) -> QImage:
    """Draw a picture on a white background."""
    size = (QSizeF(diagram.width, diagram.height) * PNG_SCALE).toSize()
    image = QImage(size, QImage.Format.Format_RGB32)
    image.fill(QColor(ON_WHITE[Ink.CARD]))
    painter = QPainter(image)
    painter.scale(PNG_SCALE, PNG_SCALE)
    paint(painter, drawn(diagram), ON_WHITE)
    painter.end()
    return image


def to_png(image: QImage) -> bytes:
    """Return an image as PNG."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def _svg(diagram: Diagram) -> bytes:
    buffer = QBuffer()
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    size = QSizeF(diagram.width, diagram.height)
    generator.setSize(size.toSize())
    generator.setViewBox(QRectF(QPointF(), size))
    generator.setTitle("Network")
    painter = QPainter(generator)
    painter.fillRect(QRectF(QPointF(), size), QColor(ON_WHITE[Ink.CARD]))
    paint(painter, drawn(diagram), ON_WHITE)
    painter.end()
    return bytes(buffer.data().data())


def _paint_label(painter: QPainter, label: Label, inks: Mapping[Ink, str]) -> None:
    font = QFont(painter.font())
    font.setPixelSize(round(label.size * FINENESS))
    font.setBold(label.bold)
    painter.save()
    painter.translate(label.x, label.y)
    painter.scale(1 / FINENESS, 1 / FINENESS)
    painter.setFont(font)
    painter.setPen(QColor(inks[label.ink]))
    room = LABEL_ROOM * FINENESS
    left = {Align.LEFT: 0.0, Align.CENTER: -room / 2, Align.RIGHT: -room}[label.align]
    place = QRectF(left, -room / 2, room, room)
    painter.drawText(place, _ALIGNMENTS[label.align] | Qt.AlignmentFlag.AlignVCenter, label.text)
    painter.restore()


def _colour(paint: Paint, inks: Mapping[Ink, str]) -> QColor:
    colour = QColor(inks[Ink(paint.colour)] if paint.colour in set(Ink) else paint.colour)
    colour.setAlphaF(paint.opacity)
    return colour


def _between(text: QColor, base: QColor, share: float) -> QColor:
    """Mix two colours, with this share of the first."""
    channels = ((text.red(), base.red()), (text.green(), base.green()), (text.blue(), base.blue()))
    return QColor(*(round(share * one + (1 - share) * other) for one, other in channels))
