"""Render resources/icon.svg in the icon formats of each system."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

SIDES = (16, 24, 32, 48, 64, 128, 256, 512)  # of the PNG files, px
LARGEST_ICO = 256  # the format's limit


def make_icons(svg: Path, folder: Path) -> None:
    """Write ``trainscope-SIDE.png`` for each of ``SIDES``, ``trainscope.ico`` and ``trainscope.icns``."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [_rendered(svg, side) for side in SIDES]
    for picture in pictures:
        picture.save(folder / f"trainscope-{picture.width}.png")
    in_ico = [picture for picture in pictures if picture.width <= LARGEST_ICO]
    in_ico[-1].save(folder / "trainscope.ico", append_images=in_ico[:-1], sizes=[each.size for each in in_ico])
    pictures[-1].save(folder / "trainscope.icns", append_images=pictures[:-1])


def _rendered(svg: Path, side: int) -> Image.Image:
    image = QImage(side, side, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    QSvgRenderer(str(svg)).render(painter)
    painter.end()
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload] # PySide6's stubs want bytes
    return Image.open(io.BytesIO(data.data()))
